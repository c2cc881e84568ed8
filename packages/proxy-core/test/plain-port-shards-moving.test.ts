// Transactions over several slots while slots move and connections break: all of one is executed, or nothing.
import { RawClient } from '@undermoon/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Asker, keysIn, type Owned, Shards } from './shards.ts';

const HIGH_LOW = '8192-12000';
const HIGH_HIGH = '12001-16383';
const [x = ''] = keysIn(HIGH_LOW, 1);
const [y = ''] = keysIn(HIGH_HIGH, 1);

// One server has the upper half; whichever proxy it is beside, its data stays.
const AT_FIRST: readonly Owned[] = [['0-16383', 0, 0]];
const AT_SECOND: readonly Owned[] = [
  ['0-8191', 0, 1],
  ['8192-16383', 1, 0],
];
const APART: readonly Owned[] = [
  ['0-12000', 0, 0],
  [HIGH_HIGH, 1, 0],
];
const LAYOUTS = [AT_FIRST, AT_SECOND, APART, AT_SECOND, AT_FIRST, APART] as const;

let shards: Shards;

beforeEach(async () => {
  shards = await Shards.start(2, { backendRetryDelayMs: 20 });
  await shards.tell(AT_SECOND);
  return () => shards.stop();
});

afterEach(() => shards.closeClients());

/** What became of the transactions of one client: how many were executed, were not, or may have been. */
interface Outcome {
  readonly done: number;
  readonly refused: number;
  readonly unknown: number;
  readonly texts: ReadonlySet<string>;
}

/** Adds to both keys in transactions until told to stop. */
async function add(client: Asker, isOver: () => boolean, watch: string[]): Promise<Outcome> {
  const texts = new Set<string>();
  const counts = { done: 0, refused: 0, unknown: 0 };
  while (!isOver()) {
    const replies = await client.ask(...watch, 'MULTI', `INCR ${x}`, `INCR ${y}`, 'EXEC');
    const reply = replies.at(-1) ?? '';
    if (reply.startsWith('[')) {
      const [, first, second] = /^\[(\d+) (\d+)\]$/.exec(reply) ?? [];
      expect(first, reply).toBe(second);
      counts.done++;
    } else if (/^ERR .*may have been executed$/.test(reply)) counts.unknown++;
    else {
      expect(reply).toMatch(/^(?:EXECABORT|CLUSTERDOWN|\(nil\))/);
      counts.refused++;
    }
    if (!reply.startsWith('[')) texts.add(reply.replaceAll(/\d+/g, 'n'));
  }
  return { ...counts, texts };
}

/** Reads both keys in transactions until told to stop: they are always equal. */
async function compare(client: Asker, isOver: () => boolean): Promise<number> {
  let count = 0;
  while (!isOver()) {
    const reply = (await client.ask('MULTI', `MGET ${x} ${y}`, 'EXEC')).at(-1) ?? '';
    const [, first, second] = /^\[\[(\S+) (\S+)\]\]$/.exec(reply) ?? [];
    expect(first, reply).toBe(second);
    if (first !== undefined) count++;
  }
  return count;
}

/** Runs clients at both proxies while `disturb` runs; returns what became of it. */
async function storm(disturb: () => Promise<void>): Promise<{ sum: Outcome; compared: number }> {
  let isOver = false;
  const over = (): boolean => isOver;
  const adding: Promise<Outcome>[] = [];
  const comparing: Promise<number>[] = [];
  for (const proxy of [0, 1]) {
    adding.push(add(await shards.connect(proxy), over, []));
    adding.push(add(await shards.connect(proxy), over, [`WATCH ${x} ${y}`]));
    comparing.push(compare(await shards.connect(proxy), over));
  }
  await disturb();
  isOver = true;
  const outcomes = await Promise.all(adding);
  const total = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((sum, outcome) => sum + of(outcome), 0);
  const compared = (await Promise.all(comparing)).reduce((sum, count) => sum + count, 0);
  return {
    compared,
    sum: {
      done: total(({ done }) => done),
      refused: total(({ refused }) => refused),
      unknown: total(({ unknown }) => unknown),
      texts: new Set(outcomes.flatMap(({ texts }) => [...texts])),
    },
  };
}

/** The values of both keys at the server. */
async function values(): Promise<number[]> {
  await using direct = await RawClient.connect(shards.redis[0]?.address ?? '');
  const replies = [await direct.command('GET', x), await direct.command('GET', y)];
  return replies.map((reply) => Number('value' in reply ? String(reply.value) : '0'));
}

test('while slots move between proxies, also one of them alone, and proxies disagree', async () => {
  const { sum, compared } = await storm(async () => {
    for (let turn = 0; turn < 24; turn++) {
      const layout = LAYOUTS[turn % LAYOUTS.length] ?? AT_SECOND;
      const order = turn % 2 === 0 ? [0, 1] : [1, 0];
      for (const proxy of order) {
        await shards.tell(layout, { to: [proxy] });
        await rounds(3);
      }
    }
    await shards.tell(AT_SECOND);
    await rounds(3);
  });
  expect(sum.unknown).toBe(0);
  expect(await values()).toEqual([sum.done, sum.done]);
  expect(sum.done).toBeGreaterThan(20);
  expect(compared).toBeGreaterThan(20);
  expect([...sum.texts].join('\n')).not.toMatch(/MOVED/);
});

test('while connections between proxies are closed', async () => {
  const { sum, compared } = await storm(async () => {
    await using killer = await RawClient.connect(shards.proxies[1]?.address ?? '');
    for (let turn = 0; turn < 30; turn++) {
      await killer.command(
        'CLIENT',
        'KILL',
        'TYPE',
        'normal',
        'LADDR',
        shards.proxies[1]?.address ?? '',
      );
      await rounds(2);
    }
  });
  const [first = 0, second = 0] = await values();
  expect(first).toBe(second);
  expect(first).toBeGreaterThanOrEqual(sum.done);
  expect(first).toBeLessThanOrEqual(sum.done + sum.unknown);
  expect(sum.done).toBeGreaterThan(20);
  expect(compared).toBeGreaterThan(20);
});

/** Lets the other clients have some replies. */
async function rounds(count: number): Promise<void> {
  await using client = await RawClient.connect(shards.proxies[0]?.plainAddress ?? '');
  for (let i = 0; i < count; i++) await client.command('GET', `{${x}}other`);
}

test('what waits for a server goes as a whole to the proxy that has its slots by then', async () => {
  await shards.stop();
  shards = await Shards.start(2, { backendWaitMs: 60_000, backendRetryDelayMs: 20 });
  await shards.tell(AT_FIRST);
  const client = await shards.connect();
  const transaction = ['MULTI', `INCR ${x}`, 'ECHO e', `INCR ${y}`, 'EXEC', 'PING'];
  const executed = ['OK', 'QUEUED', 'QUEUED', 'QUEUED'];
  expect(await client.ask(...transaction)).toEqual([...executed, '[1 e 1]', 'PONG']);
  await shards.redis[0]?.kill('SIGKILL');
  const toPeer = client.ask(...transaction, `GET ${y}`);
  await isHeard(0);
  for (const proxy of [1, 0]) await shards.tell([['0-16383', 1, 1]], { to: [proxy] });
  expect(await toPeer).toEqual([...executed, '[1 e 1]', 'PONG', '1']);
});

test('what had waited and comes to a proxy that does not know yet is refused as a whole', async () => {
  await shards.stop();
  shards = await Shards.start(2, { backendWaitMs: 60_000, backendRetryDelayMs: 20 });
  await shards.tell(AT_FIRST);
  const client = await shards.connect();
  await client.ask('PING');
  await shards.redis[0]?.kill('SIGKILL');
  const waiting = client.ask('MULTI', `INCR ${x}`, `INCR ${y}`, 'EXEC', `GET ${x}`);
  await isHeard(0);
  await shards.tell([['0-16383', 1, 1]], { to: [0] });
  const other = await shards.connect();
  const late = other.ask(`GET ${x}`);
  await isHeard(0);
  await shards.tell([['0-16383', 1, 1]], { to: [1] });
  expect((await waiting).slice(3)).toEqual([
    'EXECABORT Transaction discarded because its slots are moving.',
    '(nil)',
  ]);
  expect(await late).toEqual(['(nil)']);
});

/** Resolves when the proxy has dispatched what its clients had sent. */
async function isHeard(proxy: number): Promise<void> {
  await using other = await RawClient.connect(shards.proxies[proxy]?.plainAddress ?? '');
  await other.command('PING');
}

test('what waits for another proxy goes to the server that has its slots by then', async () => {
  await shards.stop();
  shards = await Shards.start(2, { backendWaitMs: 60_000, backendRetryDelayMs: 20 });
  await shards.tell(AT_SECOND);
  const client = await shards.connect();
  shards.proxies[1]?.destroy();
  const transaction = ['MULTI', `INCR ${x}`, 'ECHO e', `INCR ${y}`, 'EXEC', 'PING'];
  const waiting = client.ask(...transaction);
  await isHeard(0);
  await shards.tell(AT_FIRST, { to: [0] });
  expect((await waiting).slice(4)).toEqual(['[1 e 1]', 'PONG']);
  const apart = client.ask(...transaction);
  expect((await apart).slice(4)).toEqual(['[2 e 2]', 'PONG']);
});

test('what waits and whose slots come apart is refused', async () => {
  await shards.stop();
  shards = await Shards.start(2, { backendWaitMs: 60_000, backendRetryDelayMs: 20 });
  await shards.tell([['0-16383', 0, 0]]);
  const client = await shards.connect();
  await client.ask('PING');
  await shards.redis[0]?.kill('SIGKILL');
  const waiting = client.ask('MULTI', `INCR ${x}`, `INCR ${y}`, 'EXEC', `GET ${y}`);
  await isHeard(0);
  await shards.tell([
    ['0-12000', 0, 0],
    [HIGH_HIGH, 1, 1],
  ]);
  const replies = await waiting;
  expect(replies[3]).toMatch(/^EXECABORT .* CROSSSLOT Keys in transaction/);
  expect(replies[4]).toBe('(nil)');
});
