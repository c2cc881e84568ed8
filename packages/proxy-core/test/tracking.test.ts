// CLIENT TRACKING and what belongs to it, beside a Redis server in cluster mode that gets the same commands.
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTwins, type Twins } from './reference.ts';

let twins: Twins;
beforeAll(async () => {
  twins = await startTwins();
});
afterAll(() => twins.stop());

/** Whether a frame is no reply to a command. */
function isUnasked(value: RespValue): boolean {
  const [first] = value.type === 'array' || value.type === 'push' ? value.items : [];
  const kind = first?.type === 'bulk' ? first.value.toString() : '';
  return ['message', 'invalidate', 'tracking-redir-broken'].includes(kind);
}

/** Two clients of one address, a and b, and a third one, c. */
class Trio {
  readonly #clients = new Map<string, RawClient>();
  readonly #ids = new Map<string, string>();

  static async connect(address: string): Promise<Trio> {
    const trio = new Trio();
    for (const name of ['a', 'b', 'c']) {
      const client = await RawClient.connect(address);
      trio.#clients.set(name, client);
      const id = await client.command('CLIENT', 'ID');
      if (id.type === 'integer') trio.#ids.set(name, String(id.value));
    }
    return trio;
  }

  client(name: string): RawClient {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`there is no client ${name}`);
    return client;
  }

  /** "a: GET k" lets a client send a command and waits for its reply; $b stands for the number of client b. */
  async run(line: string): Promise<void> {
    const [, name = '', command = ''] = /^(\w): (.*)$/.exec(line) ?? [];
    const client = this.client(name);
    if (command === 'close') {
      await client.close();
      return;
    }
    const words = command.split(' ').map((word) => {
      return word.startsWith('$') ? (this.#ids.get(word.slice(1)) ?? word) : word;
    });
    await client.send(encodeCommand(words));
    if (command.startsWith('CLIENT REPLY OFF')) return;
    while (isUnasked(await client.reply()));
  }

  /** All bytes that each client received, with names in place of numbers. */
  transcript(): string[] {
    return [...this.#clients].map(([name, client]) => {
      let text = client.receivedBytes
        .toString('latin1')
        .replaceAll(/\$\d+\r\n7\.\d+\.\d+\r\n/g, '$version\r\n');
      for (const [owner, id] of this.#ids) {
        text = text
          .replaceAll(`:${id}\r\n`, `:$${owner}\r\n`)
          .replaceAll(`redir=${id} `, `redir=$${owner} `);
      }
      return `${name}: ${text}`;
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}

const open: Trio[] = [];
beforeEach(async () => {
  for (const address of [twins.fixture.proxy.address, twins.reference.address]) {
    await using client = await RawClient.connect(address);
    await client.command('FLUSHALL');
  }
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((trio) => trio.close()));
});

async function start(address: string): Promise<Trio> {
  const trio = await Trio.connect(address);
  open.push(trio);
  return trio;
}

/** Both get the same commands, one after another. */
async function runBoth(lines: readonly string[]): Promise<readonly [proxied: Trio, direct: Trio]> {
  const direct = await start(twins.reference.address);
  for (const line of lines) await direct.run(line);
  const proxied = await start(twins.fixture.proxy.address);
  for (const line of lines) await proxied.run(line);
  return [proxied, direct];
}

const A3 = 'a: HELLO 3';

describe('as Redis answers', () => {
  test.each([
    [['CLIENT TRACKING', 'CLIENT TRACKING x', 'CLIENT TRACKING ON FOO', 'CLIENT TRACKING OFF']],
    [
      [
        'CLIENT TRACKING ON REDIRECT',
        'CLIENT TRACKING ON REDIRECT x',
        'CLIENT TRACKING ON REDIRECT 01',
      ],
    ],
    [['CLIENT TRACKING ON REDIRECT 999999', 'CLIENT TRACKING OFF REDIRECT 999999']],
    [['CLIENT TRACKING ON REDIRECT 0', 'CLIENT TRACKING ON REDIRECT -1']],
    [['CLIENT TRACKING ON REDIRECT $b REDIRECT $c', 'CLIENT TRACKING ON REDIRECT $b FOO']],
    [['CLIENT TRACKING ON REDIRECT 999999 FOO', 'CLIENT TRACKING x REDIRECT 999999']],
    [['CLIENT TRACKING ON PREFIX', 'CLIENT TRACKING ON PREFIX a', 'CLIENT TRACKING x PREFIX a']],
    [['CLIENT TRACKING ON BCAST OPTIN', 'CLIENT TRACKING ON OPTOUT BCAST']],
    [['CLIENT TRACKING ON OPTIN OPTOUT', 'CLIENT TRACKING on optin', 'CLIENT TRACKING ON OPTOUT']],
    [['CLIENT TRACKING ON OPTOUT', 'CLIENT TRACKING ON OPTIN', 'CLIENT TRACKING ON']],
    [['CLIENT TRACKING ON', 'CLIENT TRACKING ON BCAST', 'CLIENT TRACKING ON NOLOOP']],
    [['CLIENT TRACKING ON BCAST', 'CLIENT TRACKING ON', 'CLIENT TRACKING ON BCAST PREFIX a']],
    [['CLIENT TRACKING ON BCAST PREFIX a PREFIX ab']],
    [['CLIENT TRACKING ON BCAST PREFIX b PREFIX a', 'CLIENT TRACKING ON BCAST PREFIX ax']],
    [['CLIENT TRACKING ON BCAST PREFIX b', 'CLIENT TRACKING ON BCAST', 'CLIENT TRACKING ON BCAST']],
    [['CLIENT CACHING', 'CLIENT CACHING YES', 'CLIENT CACHING x', 'CLIENT TRACKING ON']],
    [['CLIENT TRACKING ON', 'CLIENT CACHING YES', 'CLIENT CACHING NO', 'CLIENT CACHING x']],
    [['CLIENT TRACKING ON OPTIN', 'CLIENT CACHING NO', 'CLIENT CACHING yes', 'CLIENT CACHING x']],
    [['CLIENT TRACKING ON OPTOUT', 'CLIENT CACHING yes', 'CLIENT CACHING no', 'GET a']],
    [['CLIENT GETREDIR', 'CLIENT TRACKINGINFO', 'CLIENT TRACKINGINFO x', 'CLIENT GETREDIR x']],
    [['MULTI', 'CLIENT CACHING YES', 'CLIENT GETREDIR', 'CLIENT TRACKINGINFO', 'EXEC']],
    [['CLIENT TRACKING ON OPTIN', 'RESET', 'CLIENT TRACKINGINFO', 'CLIENT CACHING YES']],
    [['CLIENT TRACKING ON BCAST', 'CLIENT TRACKING OFF', 'CLIENT TRACKING ON', 'GET a']],
  ])('%j', async (lines) => {
    // The state is told after each step, and the redirections exist.
    const steps = lines.flatMap((line) => [
      `a: ${line}`,
      'a: CLIENT TRACKINGINFO',
      'a: CLIENT GETREDIR',
    ]);
    for (const script of [steps, [A3, ...steps]]) {
      const [proxied, direct] = await runBoth(script);
      expect(proxied.transcript()).toEqual(direct.transcript());
    }
  });

  test.each([
    [
      'a key that was read',
      'a: CLIENT TRACKING ON | a: GET k | b: SET k 1 | a: EXISTS sync | b: SET k 2 | a: EXISTS sync',
    ],
    [
      'one that was read again',
      'a: CLIENT TRACKING ON | a: GET k | b: SET k 1 | a: GET k | b: DEL k | a: EXISTS sync',
    ],
    ['one that was not read', 'a: CLIENT TRACKING ON | a: SET k 1 | b: SET k 2 | a: EXISTS sync'],
    ['own changes', 'a: CLIENT TRACKING ON | a: GET k | a: SET k 1 | a: EXISTS sync'],
    [
      'own changes with NOLOOP',
      'a: CLIENT TRACKING ON NOLOOP | a: GET k | a: SET k 1 | a: GET k | b: SET k 2 | a: EXISTS sync',
    ],
    [
      'several keys',
      'a: CLIENT TRACKING ON | a: MGET {t}a {t}b {t}c | b: DEL {t}a {t}b | b: SET {t}b 1 | b: MSET {t}a 1 {t}c 2 | a: EXISTS sync',
    ],
    [
      'other types',
      'b: HSET h f v | a: CLIENT TRACKING ON | a: HGETALL h | a: LRANGE l 0 -1 | b: HSET h f w | b: RPUSH l 1 | a: EXISTS sync',
    ],
    [
      'scripts',
      'a: CLIENT TRACKING ON | a: EVAL return(redis.call("GET",KEYS[1])) 1 k | b: EVAL return(redis.call("SET",KEYS[1],1)) 1 k | a: EXISTS sync',
    ],
    [
      'a key that expires',
      'b: SET k 1 | a: CLIENT TRACKING ON | a: GET k | b: PEXPIRE k 0 | a: EXISTS sync',
    ],
    [
      'FLUSHALL',
      'a: CLIENT TRACKING ON | b: FLUSHALL | a: EXISTS sync | a: FLUSHALL | a: EXISTS sync',
    ],
    [
      'BCAST',
      'a: CLIENT TRACKING ON BCAST | b: SET k 1 | a: EXISTS sync | a: SET own 1 | a: EXISTS sync',
    ],
    [
      'BCAST with prefixes',
      'a: CLIENT TRACKING ON BCAST PREFIX x PREFIX y | b: SET k 1 | a: EXISTS sync | b: SET xk 1 | a: EXISTS sync | b: SET yk 1 | a: EXISTS sync',
    ],
    [
      'BCAST with more prefixes later',
      'a: CLIENT TRACKING ON BCAST PREFIX x | a: CLIENT TRACKING ON BCAST PREFIX y | b: SET yk 1 | a: EXISTS sync | b: SET xk 1 | a: EXISTS sync',
    ],
    [
      'BCAST with NOLOOP',
      'a: CLIENT TRACKING ON BCAST NOLOOP | a: SET k 1 | a: EXISTS sync | b: SET k 2 | a: EXISTS sync',
    ],
    [
      'OPTIN',
      'a: CLIENT TRACKING ON OPTIN | a: GET k | b: SET k 1 | a: EXISTS sync | a: CLIENT CACHING YES | a: GET k | a: GET j | b: SET k 2 | a: EXISTS sync | b: SET j 1 | a: EXISTS sync',
    ],
    [
      'OPTIN with other commands between',
      'a: CLIENT TRACKING ON OPTIN | a: CLIENT CACHING YES | a: CLIENT TRACKINGINFO | a: CLIENT ID | a: GET k | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'OPTIN used up by PING',
      'a: CLIENT TRACKING ON OPTIN | a: CLIENT CACHING YES | a: PING | a: CLIENT TRACKINGINFO | a: GET k | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'OPTIN used up by an error',
      'a: CLIENT TRACKING ON OPTIN | a: CLIENT CACHING YES | a: NOSUCH | a: GET k | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'OPTIN between WATCH and EXEC',
      'a: CLIENT TRACKING ON OPTIN | a: WATCH {t}w | a: CLIENT CACHING YES | a: GET {t}k | a: GET {t}j | b: SET {t}k 1 | a: EXISTS sync | b: SET {t}j 1 | a: EXISTS sync | a: CLIENT CACHING YES | a: MULTI | a: GET {t}k | a: EXEC | b: SET {t}k 2 | a: EXISTS sync',
    ],
    [
      'OPTIN with a script',
      'b: SCRIPT LOAD return(redis.call("GET",KEYS[1])) | a: CLIENT TRACKING ON OPTIN | a: CLIENT CACHING YES | a: EVALSHA b7c1b5e7d0f6d5b9b3b0f4a4c9c7d5d1e6a2f3c4 1 k | a: CLIENT CACHING YES | a: EVAL return(redis.call("GET",KEYS[1])) 1 k | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'OPTOUT',
      'a: CLIENT TRACKING ON OPTOUT | a: CLIENT CACHING NO | a: GET k | a: GET j | b: SET k 1 | a: EXISTS sync | b: SET j 1 | a: EXISTS sync',
    ],
    [
      'OPTIN for a transaction',
      'a: CLIENT TRACKING ON OPTIN | a: CLIENT CACHING YES | a: MULTI | a: GET {t}k | a: GET {t}j | a: EXEC | a: GET {t}i | b: SET {t}k 1 | a: EXISTS sync | b: SET {t}j 1 | a: EXISTS sync | b: SET {t}i 1 | a: EXISTS sync',
    ],
    [
      'OPTIN within a transaction',
      'a: CLIENT TRACKING ON OPTIN | a: MULTI | a: GET {t}k | a: CLIENT CACHING YES | a: GET {t}j | a: EXEC | b: SET {t}k 1 | a: EXISTS sync | b: SET {t}j 1 | a: EXISTS sync',
    ],
    [
      'OPTIN and DISCARD',
      'a: CLIENT TRACKING ON OPTIN | a: CLIENT CACHING YES | a: MULTI | a: GET k | a: DISCARD | a: GET k | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'transactions',
      'a: CLIENT TRACKING ON | a: MULTI | a: GET k | a: EXEC | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'transactions of others',
      'a: CLIENT TRACKING ON | a: GET {t}k | a: GET {t}j | b: MULTI | b: SET {t}k 1 | b: SET {t}j 1 | b: EXEC | a: EXISTS sync',
    ],
    [
      'transactions with commands of the connection',
      'a: CLIENT TRACKING ON | a: GET k | a: MULTI | a: SET k 1 | a: CLIENT GETNAME | a: GET k | a: EXEC | a: EXISTS sync',
    ],
    [
      'WATCH',
      'a: CLIENT TRACKING ON | a: WATCH k | a: GET k | b: SET k 1 | a: MULTI | a: GET k | a: EXEC | a: EXISTS sync | a: GET k | b: SET k 2 | a: EXISTS sync',
    ],
    [
      'UNWATCH',
      'a: CLIENT TRACKING ON | a: WATCH k | a: GET k | a: UNWATCH | b: SET k 1 | a: EXISTS sync | a: MULTI | a: SET k 2 | a: EXEC | a: EXISTS sync',
    ],
    [
      'blocking commands',
      'a: CLIENT TRACKING ON | b: RPUSH l 1 | a: LRANGE l 0 -1 | a: BLPOP l 0 | a: EXISTS sync | b: XADD s 1-1 f v | a: XREAD BLOCK 1000 STREAMS s 0 | b: XADD s 1-2 f v | a: EXISTS sync',
    ],
    [
      'blocking commands with NOLOOP',
      'a: CLIENT TRACKING ON NOLOOP | b: RPUSH l 1 2 | a: LRANGE l 0 -1 | a: BLPOP l 0 | a: EXISTS sync | a: LRANGE l 0 -1 | b: LPOP l | a: EXISTS sync',
    ],
    [
      'nothing after OFF',
      'a: CLIENT TRACKING ON | a: GET k | a: CLIENT TRACKING OFF | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'nothing after RESET',
      'a: CLIENT TRACKING ON | a: GET k | a: RESET | a: HELLO 3 | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'replies that are off',
      'a: CLIENT TRACKING ON | a: GET k | a: CLIENT REPLY OFF | b: SET k 1 | b: EXISTS sync | a: CLIENT REPLY ON | a: EXISTS sync',
    ],
    ['protocol 2', 'a: HELLO 2 | a: CLIENT TRACKING ON | a: GET k | b: SET k 1 | a: EXISTS sync'],
    [
      'protocol 2, then 3',
      'a: HELLO 2 | a: CLIENT TRACKING ON | a: GET k | a: GET j | b: SET k 1 | a: EXISTS sync | a: HELLO 3 | a: EXISTS sync | b: SET j 1 | a: EXISTS sync',
    ],
    [
      'protocol 3, then 2, then 3',
      'a: CLIENT TRACKING ON | a: GET k | a: GET j | a: HELLO 2 | b: SET k 1 | a: EXISTS sync | a: HELLO 3 | a: EXISTS sync | b: SET j 1 | a: EXISTS sync',
    ],
    [
      'a redirection to protocol 3',
      'b: HELLO 3 | a: CLIENT TRACKING ON REDIRECT $b | a: CLIENT TRACKINGINFO | a: GET k | c: SET k 1 | a: EXISTS sync | a: GET k | a: SET k 2 | a: EXISTS sync',
    ],
    [
      'a redirection from 2 to 3',
      'a: HELLO 2 | b: HELLO 3 | a: CLIENT TRACKING ON REDIRECT $b | a: GET k | c: SET k 1 | a: EXISTS sync | a: HGETALL none | c: FLUSHALL | a: EXISTS sync',
    ],
    [
      'a redirection of everything',
      'b: HELLO 3 | a: CLIENT TRACKING ON REDIRECT $b BCAST PREFIX x | c: SET xk 1 | a: EXISTS sync | c: SET k 1 | a: EXISTS sync | c: FLUSHALL | a: EXISTS sync',
    ],
    [
      'a redirection to a subscriber',
      'a: HELLO 2 | b: SUBSCRIBE __redis__:invalidate | a: CLIENT TRACKING ON REDIRECT $b | a: GET k | c: SET k 1 | a: EXISTS sync | a: MGET {t}a {t}b | c: DEL {t}a | c: MSET {t}a 1 {t}b 2 | c: FLUSHALL | a: EXISTS sync',
    ],
    [
      'a redirection from 3 to a subscriber to something else',
      'b: PSUBSCRIBE other* | a: CLIENT TRACKING ON BCAST REDIRECT $b | c: SET k 1 | a: EXISTS sync | c: FLUSHALL | b: PUNSUBSCRIBE | c: SET k 2 | a: EXISTS sync',
    ],
    [
      'a redirection to a subscriber of protocol 3',
      'b: HELLO 3 | b: SUBSCRIBE __redis__:invalidate | a: HELLO 2 | a: CLIENT TRACKING ON REDIRECT $b | a: GET k | c: SET k 1 | a: EXISTS sync',
    ],
    [
      'a redirection to itself',
      'a: CLIENT TRACKING ON REDIRECT $a | a: GET k | c: SET k 1 | a: CLIENT GETREDIR',
    ],
    [
      'a redirection to who cannot be told',
      'a: CLIENT TRACKING ON REDIRECT $b | a: GET k | c: SET k 1 | a: EXISTS sync | b: PING | a: CLIENT TRACKINGINFO',
    ],
    [
      'a redirection that is changed',
      'b: HELLO 3 | c: HELLO 3 | a: CLIENT TRACKING ON REDIRECT $b | a: GET k | a: CLIENT TRACKING ON REDIRECT $c | b: SET k 1 | a: EXISTS sync',
    ],
    [
      'a redirection that ends',
      'b: HELLO 3 | a: CLIENT TRACKING ON REDIRECT $b | a: GET k | a: CLIENT TRACKING ON | c: SET k 1 | a: EXISTS sync',
    ],
    [
      'a redirection that begins',
      'b: HELLO 3 | a: CLIENT TRACKING ON | a: GET k | a: CLIENT TRACKING ON REDIRECT $b | c: SET k 1 | a: EXISTS sync',
    ],
  ])('%s', async (_, script) => {
    const lines = script.split(' | ');
    const [proxied, direct] = await runBoth(lines[0] === 'a: HELLO 2' ? lines : [A3, ...lines]);
    await expect.poll(() => proxied.transcript()).toEqual(direct.transcript());
  });
});
