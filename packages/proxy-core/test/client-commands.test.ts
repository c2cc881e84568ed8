// CLIENT and its subcommands, beside a Redis server in cluster mode that gets the same commands.
import { encodeCommand, textOf as valueText } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTwins, transcript, type Twins } from './reference.ts';

let twins: Twins;
beforeAll(async () => {
  twins = await startTwins();
});
afterAll(() => twins.stop());

function pipeline(...lines: readonly string[]): Buffer {
  return Buffer.concat(lines.map((line) => encodeCommand(line.split(' '))));
}

async function textOf(client: RawClient, line: string): Promise<string> {
  const reply = await client.command(...line.split(' '));
  return valueText(reply) ?? (reply.type === 'error' ? reply.value : reply.type);
}

async function idOf(client: RawClient): Promise<string> {
  return textOf(client, 'CLIENT ID');
}

/** What comes of it at the proxy, and at the server. */
async function onBoth<T>(run: (address: string) => Promise<T>): Promise<readonly [T, T]> {
  return [await run(twins.fixture.proxy.address), await run(twins.reference.address)];
}

async function whenBlocked(address: string, count: number): Promise<void> {
  await using client = await RawClient.connect(address);
  await expect.poll(() => textOf(client, 'INFO clients')).toContain(`blocked_clients:${count}\r\n`);
}

describe('as Redis answers', () => {
  const scripts: readonly (readonly string[])[] = [
    [
      'CLIENT',
      'CLIENT NOSUCH',
      'CLIENT ID x',
      'CLIENT INFO x',
      'CLIENT GETNAME x',
      'CLIENT SETNAME',
    ],
    ['CLIENT REPLY', 'CLIENT REPLY FOO', 'CLIENT REPLY ON x', 'CLIENT REPLY ON'],
    ['CLIENT NO-EVICT', 'CLIENT NO-EVICT X', 'CLIENT NO-EVICT ON', 'CLIENT NO-EVICT off'],
    ['CLIENT GETREDIR', 'CLIENT GETREDIR x', 'CLIENT UNPAUSE', 'CLIENT UNPAUSE x'],
    ['CLIENT UNBLOCK', 'CLIENT UNBLOCK 1 2', 'CLIENT UNBLOCK x', 'CLIENT UNBLOCK 9999'],
    ['CLIENT UNBLOCK 9223372036854775808', 'CLIENT UNBLOCK 01', 'CLIENT UNBLOCK +1'],
    ['CLIENT UNBLOCK 9999 ERROR X', 'CLIENT unblock 1 error x', 'CLIENT UNBLOCK -1'],
    ['CLIENT LIST X', 'CLIENT LIST TYPE', 'CLIENT LIST TYPE x', 'CLIENT LIST TYPE normal x'],
    [
      'CLIENT LIST TYPE pubsub',
      'CLIENT LIST TYPE replica',
      'CLIENT LIST ID',
      'CLIENT LIST FOO BAR',
    ],
    ['CLIENT LIST ID 1 x', 'CLIENT LIST ID 99999', 'CLIENT LIST ID -1', 'CLIENT LIST ID 0'],
    ['CLIENT KILL', 'CLIENT KILL a', 'CLIENT KILL 1.2.3.4:5', 'CLIENT KILL ID', 'CLIENT KILL ID x'],
    ['CLIENT KILL ID 0', 'CLIENT KILL ID 99999', 'CLIENT KILL ADDR 1.2.3.4:5 SKIPME'],
    ['CLIENT KILL ADDR 1.2.3.4:5 SKIPME x', 'CLIENT KILL TYPE x', 'CLIENT KILL TYPE pubsub'],
    ['CLIENT KILL USER nosuch', 'CLIENT KILL FOO bar', 'CLIENT KILL LADDR 1.1.1.1:1'],
    ['CLIENT KILL ID 77777 ID 78888', 'CLIENT KILL ID 77777 TYPE', 'CLIENT KILL SKIPME'],
    [
      'CLIENT PAUSE',
      'CLIENT PAUSE a',
      'CLIENT PAUSE -1',
      'CLIENT PAUSE 1 FOO',
      'CLIENT PAUSE 1 ALL X',
    ],
    [
      'CLIENT PAUSE 01',
      'CLIENT PAUSE -0',
      'CLIENT PAUSE 9999999999999999999',
      'CLIENT PAUSE 1 WRITE',
      'CLIENT UNPAUSE',
    ],
    ['MULTI', 'CLIENT NO-EVICT ON', 'CLIENT GETREDIR', 'CLIENT KILL ID 99999', 'EXEC'],
    ['CLIENT SETNAME x', 'CLIENT NO-EVICT ON', 'RESET', 'CLIENT GETNAME'],
  ];

  test.each(scripts.flatMap((script) => [2, 3].map((protocol) => [protocol, script] as const)))(
    'RESP%i %j',
    async (protocol, script) => {
      const [ours, theirs] = await onBoth(async (address) => {
        await using client = await RawClient.connect(address);
        await client.command('HELLO', String(protocol));
        return await transcript(client, script);
      });
      expect(ours).toEqual(theirs);
    },
  );

  test.each([
    [['CLIENT REPLY SKIP', 'PING', 'PING a']],
    [['CLIENT REPLY OFF', 'PING', 'SET a 1', 'nosuch', 'CLIENT REPLY ON', 'GET a']],
    [['CLIENT REPLY OFF', 'CLIENT REPLY SKIP', 'PING', 'CLIENT REPLY ON', 'PING b']],
    [['CLIENT REPLY OFF', 'CLIENT REPLY FOO', 'GET a', 'RESET', 'PING']],
    [['CLIENT REPLY SKIP', 'CLIENT REPLY ON', 'PING c']],
    [['CLIENT REPLY SKIP', 'CLIENT REPLY SKIP', 'PING', 'PING d']],
    [['CLIENT REPLY SKIP', 'CLIENT REPLY OFF', 'PING', 'CLIENT REPLY ON', 'PING']],
    [['GET a', 'CLIENT REPLY SKIP', 'SET a 2', 'GET a', 'CLIENT REPLY SKIP', 'GET a', 'INCR a']],
    [['CLIENT REPLY SKIP', 'INFO', 'PING e', 'CLIENT REPLY SKIP', 'BLPOP none 0.01', 'PING f']],
    [['CLIENT REPLY SKIP', 'CLUSTER NODES', 'CLIENT REPLY SKIP', 'MULTI', 'SET a 1', 'EXEC']],
    [['CLIENT REPLY OFF', 'MULTI', 'SET a 7', 'EXEC', 'CLIENT REPLY ON', 'GET a']],
    [['CLIENT REPLY OFF', 'WATCH a', 'RPUSH l 1', 'BLPOP l 0', 'CLIENT REPLY ON', 'EXISTS l']],
  ])('%j in one piece', async (lines) => {
    const [ours, theirs] = await onBoth(async (address) => {
      await using client = await RawClient.connect(address);
      await client.send(pipeline(...lines, 'ECHO end'));
      while (!client.receivedBytes.includes('end\r\n')) await client.reply();
      return client.receivedBytes.toString();
    });
    expect(ours).toEqual(theirs);
  });

  test.each(['TIMEOUT', 'ERROR', ''])('UNBLOCK %s', async (reason) => {
    for (const command of [
      'BLPOP u 0',
      'BLMOVE u u LEFT LEFT 0',
      'XREAD BLOCK 0 STREAMS u 0',
      'WAIT 9 0',
    ]) {
      const [ours, theirs] = await onBoth(async (address) => {
        await using client = await RawClient.connect(address);
        await using other = await RawClient.connect(address);
        const id = await idOf(client);
        await client.send(pipeline(command, 'PING'));
        await whenBlocked(address, 1);
        const line = `CLIENT UNBLOCK ${id} ${reason}`.trim();
        const answer = await textOf(other, line);
        await client.replies(2);
        const again = await textOf(other, line);
        return [answer, again, client.receivedBytes.toString().slice(id.length + 3)];
      });
      expect(ours).toEqual(theirs);
    }
  });

  test('KILL by address, by id and by everything; itself last', async () => {
    const [ours, theirs] = await onBoth(async (address) => {
      const clients = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(address)));
      const [asker, first, second, third] = clients;
      const line = await textOf(first!, 'CLIENT INFO');
      const [, peer = ''] = / addr=(\S+)/.exec(line) ?? [];
      const answers = [await textOf(asker!, `CLIENT KILL ${peer}`)];
      await first!.closed;
      answers.push(await textOf(asker!, `CLIENT KILL ID ${await idOf(second!)} TYPE normal`));
      await second!.closed;
      answers.push(await textOf(asker!, `CLIENT KILL ID ${await idOf(asker!)}`));
      const [, last = ''] = / addr=(\S+)/.exec(await textOf(third!, 'CLIENT INFO')) ?? [];
      answers.push(await textOf(asker!, `CLIENT KILL ADDR ${last} USER default SKIPME yes`));
      await third!.closed;
      answers.push(await textOf(asker!, 'CLIENT KILL TYPE normal SKIPME no'));
      await asker!.closed;
      return answers;
    });
    expect(ours).toEqual(theirs);
  });

  test('KILL of a blocked client takes its command off the server', async () => {
    const { address } = twins.fixture.proxy;
    await using asker = await RawClient.connect(address);
    const client = await RawClient.connect(address);
    const id = await idOf(client);
    await client.send(pipeline('BLPOP killed 0'));
    await whenBlocked(twins.fixture.redis[0]!.address, 1);
    expect(await textOf(asker, `CLIENT KILL ID ${id}`)).toBe('1');
    await client.closed;
    await whenBlocked(twins.fixture.redis[0]!.address, 0);
    expect(await transcript(asker, ['RPUSH killed v', 'LPOP killed'])).toEqual([
      'RPUSH killed v -> :1\r\n',
      'LPOP killed -> $1\r\nv\r\n',
    ]);
  });

  test('PAUSE WRITE holds writes only, until UNPAUSE', async () => {
    const [ours, theirs] = await onBoth(async (address) => {
      await using client = await RawClient.connect(address);
      await using other = await RawClient.connect(address);
      const before = await transcript(other, ['CLIENT PAUSE 100000 WRITE', 'GET p', 'nosuch']);
      await client.send(pipeline('GET p', 'MULTI', 'GET p', 'EXEC', 'SET p 1', 'GET p', 'DEL p'));
      await client.replies(4);
      await whenBlocked(address, 1);
      const seen = client.receivedBytes.toString();
      const after = await transcript(other, ['EXISTS p', 'CLIENT UNPAUSE']);
      await client.replies(3);
      return [before, seen, after, client.receivedBytes.toString()];
    });
    expect(ours).toEqual(theirs);
  });

  test('a reply to be skipped is skipped after the pause too', async () => {
    const [ours, theirs] = await onBoth(async (address) => {
      await using client = await RawClient.connect(address);
      await using other = await RawClient.connect(address);
      const before = await transcript(other, ['CLIENT PAUSE 100000 WRITE']);
      await client.send(pipeline('CLIENT REPLY SKIP', 'SET p 1', 'PING one', 'DEL p'));
      await whenBlocked(address, 1);
      const after = await transcript(other, ['CLIENT UNPAUSE']);
      await client.replies(2);
      return [before, after, client.receivedBytes.toString()];
    });
    expect(ours).toEqual(theirs);
  });

  test('PAUSE ALL ends by itself', async () => {
    const [ours, theirs] = await onBoth(async (address) => {
      await using client = await RawClient.connect(address);
      await using other = await RawClient.connect(address);
      return [
        await transcript(client, ['CLIENT PAUSE 300', 'CLIENT PAUSE 1 WRITE', 'SET p 1', 'GET p']),
        await transcript(other, ['GET p', 'DEL p']),
      ];
    });
    expect(ours).toEqual(theirs);
  });
});

test('a quiet client may QUIT', async () => {
  await using client = await twins.fixture.connect();
  await client.send(pipeline('CLIENT REPLY OFF', 'SET a 1', 'QUIT'));
  await client.closed;
  expect(client.receivedBytes).toHaveLength(0);
});

test('a paused proxy still answers PING, and lets a client go that leaves', async () => {
  const { address } = twins.fixture.proxy;
  await using client = await RawClient.connect(address);
  const other = await RawClient.connect(address);
  await client.command('CLIENT', 'PAUSE', '100000', 'WRITE');
  await other.send(pipeline('SET left 1', 'SET left 2'));
  await whenBlocked(address, 1);
  await other.close();
  await whenBlocked(address, 0);
  expect(await transcript(client, ['PING', 'CLIENT UNPAUSE', 'EXISTS left'])).toEqual([
    'PING -> +PONG\r\n',
    'CLIENT UNPAUSE -> +OK\r\n',
    'EXISTS left -> :0\r\n',
  ]);
});

test('LIST has Redis 7.2 fields in their order, and tells states apart', async () => {
  const { address } = twins.fixture.proxy;
  await using asker = await RawClient.connect(address);
  await using blocked = await RawClient.connect(address);
  await using queueing = await RawClient.connect(address);
  await transcript(asker, ['CLIENT SETNAME asker', 'CLIENT NO-EVICT ON', 'CLIENT NO-TOUCH ON']);
  const blockedId = await idOf(blocked);
  await blocked.send(pipeline('BLPOP listed 0'));
  await whenBlocked(address, 1);
  await transcript(queueing, ['HELLO 3', 'WATCH w', 'READONLY', 'MULTI', 'SET a 1', 'PING']);
  const lines = (await textOf(asker, 'CLIENT LIST')).trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  const names = lines.map((line) => [...line.matchAll(/(\S+?)=/g)].map(([, name]) => name));
  const fields =
    'id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp obl ' +
    'oll omem tot-mem events cmd user redir resp lib-name lib-ver';
  for (const line of names) expect(line.join(' ')).toBe(fields);
  const shown = lines.map((line) =>
    / flags=(\S+).* multi=(\S+).* cmd=(\S+).* resp=(\d)/.exec(line)?.slice(1),
  );
  expect(shown).toEqual([
    ['eT', '-1', 'client|list', '2'],
    ['b', '-1', 'NULL', '2'],
    ['xr', '2', 'NULL', '3'],
  ]);
  expect(
    (await textOf(asker, `CLIENT LIST ID ${blockedId} ${blockedId} 0`)).split('\n'),
  ).toHaveLength(3);
  expect(await textOf(asker, 'CLIENT INFO')).toContain(' name=asker ');
  await asker.command('CLIENT', 'UNBLOCK', blockedId);
  await blocked.reply();
});
