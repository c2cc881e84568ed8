import { encodeCommand, textOf } from '@undermoon/resp';
import { describe, expect, it } from 'vitest';
import { RawClient } from './raw-client.ts';
import { startScriptedPeer } from './scripted-peer.ts';

describe('startScriptedPeer', () => {
  it('answers the expected requests and notes them', async () => {
    await using peer = await startScriptedPeer({
      connections: [
        [
          { expect: ['GET', 'a'], reply: '$1\r\n1\r\n' },
          { expect: ([name]) => name?.toString() === 'INCR', reply: ':2\r\n' },
        ],
      ],
    });
    await using client = await RawClient.connect(peer.address);
    expect(textOf(await client.command('get', 'a'))).toBe('1');
    expect(await client.command('INCR', 'a')).toEqual({ type: 'integer', value: 2 });
    await peer.done;
    expect(peer.requests).toEqual([
      ['get', 'a'],
      ['INCR', 'a'],
    ]);
  });

  it('fails on another request, naming both', async () => {
    await using peer = await startScriptedPeer({
      connections: [[{ expect: ['GET', 'a'], reply: '+OK\r\n' }]],
    });
    await using client = await RawClient.connect(peer.address);
    await expect(client.command('GET', 'b')).rejects.toThrow(/closed the connection/);
    await expect(peer.done).rejects.toThrow(
      /connection 1, step 1: got \["GET","b"\] instead of \["GET","a"\]/,
    );
  });

  it('fails on a request after the last step, on an early end and on a connection too many', async () => {
    await using talkative = await startScriptedPeer({
      connections: [[{ reply: '+hello\r\n' }], [{ expect: ['PING'] }]],
    });
    await using client = await RawClient.connect(talkative.address);
    expect(textOf(await client.reply())).toBe('hello');
    await expect(client.command('PING')).rejects.toThrow();
    await expect(talkative.done).rejects.toThrow(/connection 1: \["PING"\] after the last step/);

    await using patient = await startScriptedPeer({ connections: [[{ expect: ['PING'] }]] });
    const leaver = await RawClient.connect(patient.address);
    leaver.end();
    await expect(patient.done).rejects.toThrow(/the client left before \["PING"\]/);

    await using lonely = await startScriptedPeer({ connections: [] });
    await using guest = await RawClient.connect(lonely.address);
    await guest.closed;
    await expect(lonely.done).rejects.toThrow(/connection 1 was not expected/);
  });

  it('answers what is no part of the script by itself', async () => {
    await using peer = await startScriptedPeer({
      connections: [[{ expect: ['GET', 'a'], reply: '_\r\n' }]],
      always: ([name]) => (name?.toString() === 'HELLO' ? '+HI\r\n' : null),
    });
    await using client = await RawClient.connect(peer.address);
    await client.send(Buffer.concat([encodeCommand(['HELLO', '3']), encodeCommand(['GET', 'a'])]));
    expect((await client.replies(2)).map(textOf)).toEqual(['HI', null]);
    await peer.done;
  });

  it.each(['end', 'reset'] as const)('closes in the middle of a reply: %s', async (connection) => {
    await using peer = await startScriptedPeer({
      connections: [[{ expect: ['GET', 'a'], reply: '$5\r\nhel', connection }]],
    });
    await using client = await RawClient.connect(peer.address);
    await expect(client.command('GET', 'a')).rejects.toThrow();
    await peer.done;
  });

  it('hangs without closing, and still lets itself be closed', async () => {
    const peer = await startScriptedPeer({
      connections: [[{ expect: ['PING'], connection: 'hang' }]],
    });
    const client = await RawClient.connect(peer.address);
    const reply = client.command('PING').catch((error: unknown) => error);
    await peer.done;
    await peer.close();
    await peer.close();
    expect(await reply).toBeInstanceOf(Error);
  });

  it('sends a reply in pieces', async () => {
    await using peer = await startScriptedPeer({
      connections: [[{ expect: ['GET', 'a'], reply: ['$', '5\r', '\nhe', 'llo\r\n'] }]],
    });
    await using client = await RawClient.connect(peer.address);
    expect(textOf(await client.command('GET', 'a'))).toBe('hello');
    expect(client.receivedBytes.toString()).toBe('$5\r\nhello\r\n');
  });

  it('refuses what is no command', async () => {
    await using peer = await startScriptedPeer({ connections: [[{ expect: ['PING'] }]] });
    await using client = await RawClient.connect(peer.address);
    await client.send('+PING\r\n');
    await expect(peer.done).rejects.toThrow(/a request must be an array, got simple/);
  });
});
