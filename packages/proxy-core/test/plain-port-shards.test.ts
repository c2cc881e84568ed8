// Transactions of the plain port, whose keys may be in all slots of one server.
import { encodeCommand } from '@undermoon/resp';
import { RawClient, type ScriptStep, startScriptedPeer } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { setCluster } from './fixture.ts';
import { wordOf } from './plain-fixture.ts';
import { type Asker, keysIn, Shards, TWO_EACH } from './shards.ts';

const APART =
  "CROSSSLOT Keys in transaction don't hash to the same shard; those with the same {tag} in their names do";
const ABORTED = 'EXECABORT Transaction discarded because of previous errors.';

const [local = [], local2 = [], remote = [], remote2 = []] = TWO_EACH.map(([range]) =>
  keysIn(range, 5),
);

describe.each([1, 2])('%i event loops', (threads) => {
  let shards: Shards;
  let client: Asker;

  beforeAll(async () => {
    shards = await Shards.start(4, { threads, spreadClients: 'at-once' });
    await shards.tell(TWO_EACH);
  });

  afterEach(async () => {
    await shards.closeClients();
    await shards.flush();
  });

  afterAll(() => shards.stop());

  describe.each([
    ['a server of this proxy', local],
    ['a server of another proxy', remote],
  ])('keys of several slots of %s', (_, [a = '', b = '', c = '', d = '']) => {
    test('are in one transaction, also those of one command', async () => {
      client = await shards.connect();
      const queued = Array.from({ length: 9 }, () => 'QUEUED');
      const lines = [
        `SET ${a} 1`,
        `INCR ${b}`,
        `MGET ${a} ${b} ${c}`,
        `RENAME ${a} ${c}`,
        'PING',
        `SADD ${a} x y`,
        `SUNIONSTORE ${d} ${a} none{${a}}`,
        `SCARD ${d}`,
        `EVAL return{redis.call('GET',KEYS[1]),redis.call('GET',KEYS[2])} 2 ${b} ${c}`,
      ];
      expect(await client.ask('MULTI', ...lines, 'EXEC', `EXISTS ${a} ${b} ${c} ${d}`)).toEqual([
        'OK',
        ...queued,
        '[OK 1 [1 1 null] OK PONG 2 2 2 [1 1]]'.replace('null', '{"type":"null"}'),
        '4',
      ]);
    });

    test('with RESP3, beside commands of other clients and around other commands', async () => {
      const others = await Promise.all([0, 1, 0, 1].map((index) => shards.connect(index)));
      client = await shards.connect();
      await client.ask('HELLO 3');
      const counting = others.map((other) =>
        other.ask('MULTI', `INCR ${a}`, `INCR ${b}`, 'EXEC', `INCRBY ${c} 2`),
      );
      const replies = await client.ask(
        `SET ${d} v`,
        'MULTI',
        `HSET h{${a}} f v`,
        `HGETALL h{${a}}`,
        `GET ${d}`,
        'EXEC',
        `GET ${d}`,
      );
      expect(replies.at(-1)).toBe('v');
      expect(replies[5]).toContain('"type":"map"');
      const counts = (await Promise.all(counting)).map((list) => list[3]);
      expect(new Set(counts)).toEqual(new Set(['[1 1]', '[2 2]', '[3 3]', '[4 4]']));
      expect(await client.ask(`GET ${c}`)).toEqual(['8']);
    });

    test('are watched together', async () => {
      client = await shards.connect();
      const other = await shards.connect(1);
      const transaction = ['MULTI', `SET ${a} mine`, `APPEND ${b} !`, 'EXEC'];
      expect(await client.ask(`WATCH ${a} ${b} ${c}`, ...transaction)).toEqual([
        'OK',
        'OK',
        'QUEUED',
        'QUEUED',
        '[OK 1]',
      ]);
      for (const key of [a, b, c]) {
        expect(await client.ask(`WATCH ${a} ${b}`, `WATCH ${c}`)).toEqual(['OK', 'OK']);
        await other.ask(`SET ${key} other`);
        expect((await client.ask(...transaction)).at(-1)).toBe('(nil)');
        // The connection that watched is another client's now, or this one's.
        await other.ask(`SET ${key} again`);
        expect((await client.ask(...transaction)).at(-1)).toMatch(/^\[OK \d+\]$/);
      }
    });

    test('a script that the server lacks, and messages', async () => {
      client = await shards.connect();
      const other = await shards.connect();
      const digest = (await other.ask(['SCRIPT', 'LOAD', 'return {KEYS[1], KEYS[2]}']))[0] ?? '';
      await other.ask(`SUBSCRIBE news`);
      const replies = await client.ask(
        'MULTI',
        `SET ${a} 1`,
        'PUBLISH news now',
        `EVALSHA ${digest} 2 ${a} ${b}`,
        'EXEC',
      );
      // The subscriber counts if it is at the same loop.
      expect([0, 1].map((count) => `[OK ${count} [${a} ${b}]]`)).toContain(replies.at(-1));
    });

    test('what fails in the server fails alone, as in Redis', async () => {
      client = await shards.connect();
      const replies = await client.ask('MULTI', `SET ${a} x`, `INCR ${a}`, `SET ${b} y`, 'EXEC');
      expect(replies.at(-1)).toBe('[OK ERR value is not an integer or out of range OK]');
    });
  });

  test.each([
    ['another server of this proxy', local[0] ?? '', local2[0] ?? ''],
    ['another proxy', local[0] ?? '', remote[0] ?? ''],
    ['this proxy, behind one of another proxy', remote[0] ?? '', local[0] ?? ''],
  ])('a key of %s is refused when it is queued, and nothing is executed', async (_, a, b) => {
    client = await shards.connect();
    const check = `EXISTS ${a} ${b}`;
    const lines = ['MULTI', `SET ${a} 1`, `SET ${b} 2`, `INCR ${a}`, 'EXEC', check];
    const queued = ['OK', 'QUEUED', APART, 'QUEUED', ABORTED, '0'];
    expect(await client.ask(...lines)).toEqual(queued);
    const together = ['MULTI', `MSET ${a} 1 ${b} 2`, 'EXEC', check];
    expect(await client.ask(...together)).toEqual(['OK', APART, ABORTED, '0']);
    expect(await client.ask(`WATCH ${a} ${b}`)).toEqual([APART]);
    expect(await client.ask(`WATCH ${a}`, `WATCH ${b}`)).toEqual(['OK', APART]);
    expect(await client.ask('MULTI', `SET ${b} 1`, 'EXEC', check)).toEqual([
      'OK',
      APART,
      ABORTED,
      '0',
    ]);
    expect((await client.ask('MULTI', `WATCH ${a} ${b}`, `SET ${b} 1`, 'EXEC')).slice(1)).toEqual([
      'ERR WATCH inside MULTI is not allowed',
      'QUEUED',
      '[OK]',
    ]);
  });

  test('another proxy knows its servers apart: it refuses the whole', async () => {
    client = await shards.connect();
    const [a = ''] = remote;
    const [b = ''] = remote2;
    const lines = ['MULTI', `SET ${a} 1`, `SET ${b} 2`, 'EXEC', `EXISTS ${a} ${b}`];
    const refusal = `EXECABORT Transaction discarded because of: ${APART}`;
    expect(await client.ask(...lines)).toEqual(['OK', 'QUEUED', 'QUEUED', refusal, '0']);
    expect(await client.ask(`WATCH ${a} ${b}`)).toEqual([
      "CROSSSLOT Keys in request don't hash to the same slot",
    ]);
  });
});

describe('with compressed values', () => {
  let shards: Shards;

  beforeAll(async () => {
    shards = await Shards.start(4);
    await shards.tell(TWO_EACH, { config: [['compression_strategy', 'allow_all']] });
  });

  afterAll(() => shards.stop());

  test.each([
    ['here', local],
    ['at another proxy', remote],
  ])('keys of several slots %s', async (_, [a = '', b = '', c = '']) => {
    const client = await shards.connect();
    const text = 'long and long and '.repeat(50);
    const replies = await client.ask(
      ['SET', a, text],
      'MULTI',
      ['MSET', b, text, c, 'c'],
      `MGET ${a} ${b} ${c}`,
      'PING',
      ['GETSET', b, 'next'],
      'EXEC',
      `GET ${b}`,
    );
    expect(replies.slice(-2)).toEqual([`[OK [${text} ${text} c] PONG ${text}]`, 'next']);
    for (const { address } of shards.redis) {
      await using direct = await RawClient.connect(address);
      const stored = await direct.command('GET', a);
      if (stored.type === 'bulk') expect(stored.value.length).toBeLessThan(text.length / 2);
    }
  });
});

test('keys that a transaction reads are tracked', async () => {
  const shards = await Shards.start(4);
  await shards.tell(TWO_EACH);
  const client = await shards.connect();
  const other = await shards.connect(1);
  for (const [a = '', b = ''] of [local, remote]) {
    await client.ask('HELLO 3', 'CLIENT TRACKING ON');
    expect((await client.ask('MULTI', `GET ${a}`, `GET ${b}`, 'EXEC')).at(-1)).toBe(
      '[(nil) (nil)]',
    );
    await other.ask(`SET ${b} 1`);
    expect(await client.client.reply()).toMatchObject({
      type: 'push',
      items: [{}, { items: [{ value: Buffer.from(b) }] }],
    });
    await client.ask('CLIENT TRACKING OFF');
  }
  await shards.stop();
});

test('with active redirection clients of the cluster port have the same', async () => {
  const shards = await Shards.start(4, { activeRedirection: true });
  await shards.tell(TWO_EACH);
  const client = await shards.connectToCluster();
  for (const [a = '', b = ''] of [local, remote]) {
    const replies = await client.ask(`WATCH ${a} ${b}`, 'MULTI', `MSET ${a} 1 ${b} 2`, 'EXEC');
    expect(replies.at(-1)).toBe('[OK]');
  }
  await shards.stop();
});

describe('what another proxy may answer', () => {
  const [a = '', b = ''] = remote;

  async function behind(
    answer: string,
    lines: readonly string[],
    script: readonly ScriptStep[] = [],
  ): Promise<string[]> {
    const peer = await startScriptedPeer({
      connections: [script],
      always: ([name, word]) => {
        if (String(name) === 'CLIENT') return ':1\r\n';
        if (String(name) === 'UNWATCH') return null;
        if (String(word) === 'TRANSACTION') return answer;
        return String(name) === 'UMCTL' ? '-Invalid sub command\r\n' : '+OK\r\n';
      },
    });
    const shards = await Shards.start(1);
    const own = [[shards.redis[0]?.address ?? '', '0-8191']] as const;
    await setCluster(shards.proxies[0]!, own, { peers: [[peer.address, '8192-16383']] });
    const client = await shards.connect();
    const replies = await client.ask(...lines);
    await peer.done;
    await shards.stop();
    await peer.close();
    return replies;
  }

  const transaction = ['MULTI', `SET ${a} 1`, `SET ${b} 2`, 'EXEC'];

  test('one that does not know such transactions executes nothing, and the client is told', async () => {
    const replies = await behind('-Invalid sub command\r\n', transaction);
    expect(replies[3]).toMatch(
      /^EXECABORT .* CROSSSLOT proxy 127\.0\.0\.1:\d+ takes keys of one slot only/,
    );
  });

  test('it goes on watching, so it is told to stop', async () => {
    const unwatched = [{ expect: ['UNWATCH'], reply: '+OK\r\n' }];
    const lines = [`WATCH ${a} ${b}`, ...transaction, 'PING'];
    const replies = await behind('-Invalid sub command\r\n', lines, unwatched);
    expect(replies[4]).toMatch(/^EXECABORT/);
  });

  test('any other error is passed on', async () => {
    const error = 'ERR connection to 127.0.0.1:1 was lost, the command may have been executed';
    expect((await behind(`-${error}\r\n`, transaction))[3]).toBe(error);
  });
});

describe('UMCTL TRANSACTION', () => {
  const [a = '', b = '', c = ''] = local;
  let shards: Shards;
  let peer: Asker;

  const packed = (...lines: readonly string[]): (string | Buffer)[] => [
    'UMCTL',
    'TRANSACTION',
    ...lines.map((line) => encodeCommand(line.split(' '))),
  ];

  async function open(options: Parameters<typeof Shards.start>[1] = {}): Promise<void> {
    shards = await Shards.start(4, options);
    await shards.tell(TWO_EACH);
    peer = await shards.connectToCluster();
  }

  afterEach(() => shards.stop());

  test('is answered as EXEC, in its place', async () => {
    await open();
    const replies = await peer.ask(
      `SET ${a} 1`,
      packed(`INCR ${a}`, `SET ${b} x`, `MGET ${a} ${b}`),
      `GET ${b}`,
      packed(`INCR ${b}`, `INCR ${a}`),
      'PING',
    );
    const error = 'ERR value is not an integer or out of range';
    expect(replies).toEqual(['OK', '[2 OK [2 x]]', 'x', `[${error} 3]`, 'PONG']);
  });

  test('ends the watch of its connection', async () => {
    await open();
    const other = await shards.connectToCluster();
    await peer.ask(`WATCH ${a}`, `WATCH ${b}`);
    await other.ask(`SET ${b} 1`);
    const replies = await peer.ask(packed(`INCR ${a}`, `INCR ${c}`), packed(`INCR ${a}`));
    expect(replies).toEqual(['(nil)', '[1]']);
    await peer.ask(`WATCH ${a}`);
    expect((await peer.ask(packed(`GET ${a} x`)))[0]).toMatch(/^EXECABORT/);
    await other.ask(`SET ${a} 1`);
    expect(await peer.ask(packed(`INCR ${a}`, `INCR ${c}`))).toEqual(['[2 1]']);
  });

  test('whose keys are not here is redirected as a whole', async () => {
    await open();
    const [there = ''] = remote;
    const replies = await peer.ask(
      packed(`SET ${a} 1`, `SET ${there} 1`),
      packed(`SET ${there} 1`, `SET ${a} 1`),
      packed(`SET ${a} 1`, `SET ${local2[0]} 1`),
      `EXISTS ${a}`,
    );
    const address = shards.proxies[1]?.address;
    expect(replies[0]).toMatch(new RegExp(`^MOVED \\d+ ${address}$`));
    expect(replies[1]).toBe(replies[0]);
    expect(replies.slice(2)).toEqual([`EXECABORT Transaction discarded because of: ${APART}`, '0']);
  });

  test('is not passed on by a proxy that passes other commands on', async () => {
    await open({ activeRedirection: true });
    const [first = '', second = ''] = remote;
    const replies = await peer.ask(packed(`SET ${first} 1`, `SET ${second} 1`));
    expect(replies[0]).toMatch(new RegExp(`^MOVED \\d+ ${shards.proxies[1]?.address}$`));
  });

  test('asks for the password', async () => {
    await open({ password: 'secret' });
    expect(await peer.ask(packed('PING'))).toEqual(['NOAUTH Authentication required.']);
    expect(await peer.ask('AUTH secret', packed(`SET ${a} 1`, `SET ${b} 1`))).toEqual([
      'OK',
      '[OK OK]',
    ]);
  });

  test('waits for the end of a pause as a whole', async () => {
    await open();
    const other = await shards.connectToCluster();
    await other.ask('CLIENT PAUSE 100000 WRITE');
    expect(await peer.ask(packed(`GET ${a}`, `GET ${b}`))).toEqual(['[(nil) (nil)]']);
    const held = peer.ask(packed(`INCR ${a}`, `INCR ${b}`), 'PING');
    expect(await other.ask(`GET ${a}`)).toEqual(['(nil)']);
    expect(await other.ask('CLIENT UNPAUSE')).toEqual(['OK']);
    expect(await held).toEqual(['[1 1]', 'PONG']);
  });

  describe('that is long', () => {
    const sets = Array.from({ length: 20_000 }, (_, i) => `SET {${i % 2 === 0 ? a : b}}${i} x`);

    /** All of it is there when its last byte comes. */
    async function begin(command: Buffer): Promise<Asker> {
      await peer.client.send(command.subarray(0, -1));
      const neighbour = await shards.connectToCluster();
      await neighbour.ask('PING');
      await peer.client.send(command.subarray(-1));
      return neighbour;
    }

    test('lets commands of other clients come in between', async () => {
      await open();
      const neighbour = await begin(encodeCommand(packed(...sets, `GET ${a} x`)));
      const end = { isOver: false };
      const reply = peer.client.reply().finally(() => (end.isOver = true));
      let count = 0;
      for (; !end.isOver; count++) await neighbour.ask('PING');
      expect(wordOf(await reply)).toMatch(/^EXECABORT .* wrong number of arguments for 'get'/);
      // If it were queued in one turn there would be one or two.
      expect(count).toBeGreaterThan(50);
      expect(await neighbour.ask(`EXISTS {${a}}0`)).toEqual(['0']);
    });

    test('is executed as one, in its place', async () => {
      await open();
      const replies = await peer.ask(
        `SET ${a} 5`,
        packed(...sets, `INCR ${a}`),
        `GET ${a}`,
        packed(`INCR ${a}`, `INCR ${b}`),
      );
      expect(replies[1]).toBe(`[${'OK '.repeat(sets.length)}6]`);
      expect([replies[0], ...replies.slice(2)]).toEqual(['OK', '6', '[7 1]']);
    });

    test('is redirected if its slots go meanwhile', async () => {
      await open();
      await begin(encodeCommand(packed(...sets)));
      await shards.tell(TWO_EACH.map(([range, proxy, server]) => [range, 1 - proxy, server]));
      const address = shards.proxies[1]?.address;
      expect(wordOf(await peer.client.reply())).toMatch(new RegExp(`^MOVED \\d+ ${address}$`));
    });

    test('is forgotten if its client goes meanwhile', async () => {
      await open();
      const neighbour = await begin(encodeCommand(packed(...sets)));
      await peer.client.close();
      expect(await neighbour.ask(`EXISTS {${a}}0`, packed(...sets.slice(0, 200)))).toEqual([
        '0',
        `[${'OK '.repeat(200).trim()}]`,
      ]);
    });
  });

  const FOR_SERVERS =
    'EXECABORT Transaction discarded because of: UMCTL TRANSACTION is for commands that servers execute';

  test('takes nothing but whole commands for servers', async () => {
    await open();
    const bad = (word: string | Buffer): (string | Buffer)[] => [
      ...packed(`SET ${a} 1`),
      word,
      ...packed(`SET ${b} 1`).slice(2),
    ];
    const get = encodeCommand(['GET', a]);
    for (const word of ['', 'GET x\r\n', '*0\r\n', '*1\r\n$4\r\nPIN', '*9999999999\r\n', '\r\n']) {
      const [reply] = await peer.ask(bad(word));
      expect(reply).toMatch(
        /^EXECABORT .* word 2 behind UMCTL TRANSACTION is not one whole command$/,
      );
    }
    expect((await peer.ask(bad(Buffer.concat([get, get]))))[0]).toMatch(/^EXECABORT .* word 2 /);
    for (const line of [
      'PING',
      'MULTI',
      'EXEC',
      'DISCARD',
      'RESET',
      'QUIT',
      `WATCH ${a}`,
      'CLIENT ID',
      'UMCTL SHUTDOWN',
      `UMFORWARD 1 GET ${a}`,
    ]) {
      const [reply] = await peer.ask(packed(`SET ${a} 1`, line, `SET ${b} 1`));
      expect([FOR_SERVERS], line).toContain(reply);
    }
    expect(await peer.ask(['UMCTL', 'TRANSACTION'], `EXISTS ${a} {${a}}`)).toEqual([
      'ERR UMCTL TRANSACTION without commands',
      '0',
    ]);
  });

  test('errors that a queued command has', async () => {
    await open();
    expect((await peer.ask(packed(`SET ${a} 1`, 'NOSUCH x')))[0]).toMatch(
      /^EXECABORT Transaction discarded because of: unknown command 'NOSUCH'/,
    );
    expect((await peer.ask(packed(`SET ${a} 1`, `SET ${b}`)))[0]).toMatch(
      /^EXECABORT Transaction discarded because of: wrong number of arguments for 'set' command/,
    );
    expect((await peer.ask(packed(`SET ${a} 1`, 'SUBSCRIBE x')))[0]).toMatch(
      /^EXECABORT .*'SUBSCRIBE in MULTI' is not available/,
    );
    expect(await peer.ask('MULTI', packed(`SET ${a} 1`), 'EXEC', `EXISTS ${a}`)).toEqual([
      'OK',
      'QUEUED',
      '[Invalid sub command]',
      '0',
    ]);
  });

  test('has the limits of a transaction', async () => {
    await open({ transactionCommandsMax: 3, transactionBytesMax: 200 });
    const set = (key: string, size: number): string => `SET ${key} ${'v'.repeat(size)}`;
    const refusal =
      'EXECABORT Transaction discarded because of: the transaction is larger than 3 commands or 200 bytes';
    expect(await peer.ask(packed(set(a, 9), set(b, 9), set(c, 9)))).toEqual(['[OK OK OK]']);
    expect(await peer.ask(packed(set(a, 9), set(b, 9), set(c, 9), set(a, 9)))).toEqual([refusal]);
    expect(await peer.ask(packed(set(a, 90), set(b, 90)))).toEqual([refusal]);
  });
});
