import { textOf } from '@undermoon/resp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from './raw-client.ts';
import { startRedis, type RedisServer } from './redis-server.ts';
import { startScriptedPeer } from './scripted-peer.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis({ unixSocket: true });
});
afterAll(() => redis.stop());

describe('RawClient', () => {
  it('gives replies in order, whenever they are asked for', async () => {
    await using client = await RawClient.connect(redis);
    await client.send('ECHO 1\r\nECHO 2\r\n');
    const third = client.command('ECHO', '3');
    expect((await client.replies(2)).map(textOf)).toEqual(['2', '3']);
    expect(textOf(await third)).toBe('1');
  });

  it('speaks over a unix socket', async () => {
    await using client = await RawClient.connect({ path: String(redis.unixSocketPath) });
    expect(await client.command('PING')).toEqual({ type: 'simple', value: 'PONG' });
  });

  it('sends byte by byte', async () => {
    await using client = await RawClient.connect(redis.address);
    await client.sendByteByByte('*1\r\n$4\r\nPING\r\n');
    expect(textOf(await client.reply())).toBe('PONG');
  });

  it('fails replies that are owed and later ones when the server closes', async () => {
    await using client = await RawClient.connect(redis);
    const replies = await Promise.allSettled([client.command('QUIT'), client.reply()]);
    expect(replies).toMatchObject([
      { value: { value: 'OK' } },
      { reason: { message: 'the server closed the connection' } },
    ]);
    await expect(client.reply()).rejects.toThrow(/closed the connection/);
    await client.closed;
  });

  it('fails on bytes that are no RESP', async () => {
    await using peer = await startScriptedPeer({ connections: [[{ reply: '?what\r\n' }]] });
    await using client = await RawClient.connect(peer.address);
    await expect(client.reply()).rejects.toMatchObject({ name: 'RespProtocolError' });
  });

  it('fails to connect where nobody listens', async () => {
    const peer = await startScriptedPeer({ connections: [] });
    await peer.close();
    await expect(RawClient.connect(peer.address)).rejects.toThrow(/ECONNREFUSED/);
  });
});
