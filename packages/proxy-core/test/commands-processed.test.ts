// total_commands_processed: each command of a client counts once, whichever way it takes.
import type { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { ALL_SLOTS, type Fixture, setCluster, startFixture } from './fixture.ts';

/** Counts what the commands of `act` added; the INFO that reads the number is not among them. */
async function countOf(client: RawClient, act: () => Promise<unknown>): Promise<number> {
  const before = await processed(client);
  await act();
  return (await processed(client)) - before - 1;
}

async function processed(client: RawClient): Promise<number> {
  const reply = await client.command('INFO', 'stats');
  const text = 'value' in reply ? String(reply.value) : '';
  return Number(/total_commands_processed:(\d+)/.exec(text)?.[1]);
}

async function run(client: RawClient, lines: readonly string[]): Promise<void> {
  await Promise.all(lines.map((line) => client.command(...line.split(' '))));
}

const FORWARDED = ['SET {a}1 v', 'GET {a}1', 'GET {a}1', 'MGET {a}1 {a}2', 'DEL {a}1'];
const SESSIONS: readonly (readonly [name: string, first: string, last: string])[] = [
  ['an ordinary session', 'PING', 'PING'],
  ['READONLY', 'READONLY', 'READWRITE'],
  ['MULTI', 'MULTI', 'EXEC'],
  ['WATCH', 'WATCH {a}1', 'UNWATCH'],
  ['key tracking', 'CLIENT TRACKING ON', 'CLIENT TRACKING OFF'],
  ['MONITOR', 'MONITOR', 'RESET'],
];

async function withFixture(use: (fixture: Fixture) => Promise<void>): Promise<void> {
  const fixture = await startFixture([ALL_SLOTS]);
  try {
    await use(fixture);
  } finally {
    await fixture.stop();
  }
}

test('in sessions of every kind', async () => {
  await withFixture(async (fixture) => {
    for (const [name, first, last] of SESSIONS) {
      await using client = await fixture.connect();
      await using reader = await fixture.connect();
      await client.command('HELLO', '3');
      const count = await countOf(reader, async () => {
        await client.command(...first.split(' '));
        await run(client, FORWARDED);
        await client.command(...last.split(' '));
      });
      expect(`${name}: ${count}`).toBe(`${name}: ${FORWARDED.length + 2}`);
    }
  });
});

test('inline, unknown, wrong, blocking and paused commands', async () => {
  await withFixture(async (fixture) => {
    await using client = await fixture.connect();
    await using reader = await fixture.connect();
    const lines = ['SET k v', 'GET k', 'nosuch', 'GET', 'EVAL return(1) 1 k', 'DBSIZE'];
    const inline = async (): Promise<void> => {
      await client.send(`${lines.join('\r\n')}\r\n\r\n`);
      await client.replies(lines.length);
    };
    expect(await countOf(reader, inline)).toBe(lines.length);
    expect(await countOf(reader, () => run(client, lines))).toBe(lines.length);
    const blocking = ['RPUSH l 1 2', 'BLPOP l 1', 'LPOP l'];
    expect(await countOf(reader, () => run(client, blocking))).toBe(3);
    const paused = async (): Promise<void> => {
      await client.command('CLIENT', 'PAUSE', '100000', 'WRITE');
      const write = client.command('SET', 'k', 'v');
      await reader.command('CLIENT', 'UNPAUSE');
      await write;
    };
    expect(await countOf(reader, paused)).toBe(3);
  });
});

test('in a cluster that compresses values', async () => {
  await withFixture(async (fixture) => {
    const local = fixture.redis.map(({ address }) => [address, ALL_SLOTS] as const);
    const config = [['compression_strategy', 'set_get_only']] as const;
    await setCluster(fixture.proxy, local, { epoch: 2, config });
    await using client = await fixture.connect();
    await using reader = await fixture.connect();
    // The first one waits for the codec.
    const lines = ['SET {a}1 v', 'GET {a}1', 'SET {a}2 w', 'MGET {a}1 {a}2', 'DEL {a}1'];
    expect(await countOf(reader, () => run(client, lines))).toBe(lines.length);
  });
});
