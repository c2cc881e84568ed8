// Random sessions with transactions, watches, waits and quiet stretches, in pieces cut anywhere: a proxy must
// send the bytes that a Redis server in cluster mode sends.
import process from 'node:process';
import { encodeCommand } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTwins, type Twins } from './reference.ts';

const ROUNDS = Number(process.env['PROXY_ROUNDS'] ?? 25);
const seed = Number(process.env['PROXY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

let twins: Twins;
beforeAll(async () => {
  twins = await startTwins();
});
afterAll(() => twins.stop());

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const COMMON = [
  'SET K v',
  'GET K',
  'INCR N',
  'RPUSH L x',
  'LPOP L',
  'GET Q',
  'SET Q 1',
  'MGET K N',
  'MGET K Q',
  'PING',
  'ECHO hi',
  'nosuch K',
  'GET',
  'MULTI',
  'EXEC',
  'EXEC',
  'DISCARD',
  'WATCH K',
  'WATCH Q',
  'WATCH K Q',
  'UNWATCH',
  'BLPOP L 0.01',
  'BLPOP L Q 1',
  'BLMOVE L L LEFT RIGHT 0.01',
  'XREAD BLOCK 5 STREAMS S 0',
  'BLPOP K x',
  'WAIT 0 0',
  "EVAL return{redis.call('TYPE',KEYS[1])} 1 K",
  'EVAL return{1,2} 0',
  'CLIENT SETNAME n',
  'CLIENT GETNAME',
  'CLIENT UNBLOCK 999999',
  'SELECT 0',
  'RESET',
];
/** Not within a transaction: there some of them make Redis send half an array. */
const OUTSIDE = ['HELLO 2', 'HELLO 3', 'CLIENT REPLY OFF', 'CLIENT REPLY ON', 'CLIENT REPLY SKIP'];

function sessionOf(random: () => number, round: number): string[] {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const lines: string[] = [];
  let isInTransaction = false;
  for (let left = 3 + Math.floor(random() * 30); left > 0; left--) {
    const line = !isInTransaction && random() < 0.15 ? pick(OUTSIDE) : pick(COMMON);
    if (isInTransaction && line === 'CLIENT UNBLOCK 999999') continue;
    if (line === 'MULTI') isInTransaction = true;
    if (line === 'EXEC' || line === 'DISCARD' || line === 'RESET') isInTransaction = false;
    lines.push(
      line.replaceAll(/\b[KNLSQ]\b/g, (key) => (key === 'Q' ? `q${round}` : `${key}{${round}}`)),
    );
  }
  return [...lines, 'DISCARD', 'CLIENT REPLY ON', 'CLIENT REPLY ON', 'ECHO the-end'];
}

async function bytesOf(
  address: string,
  lines: readonly string[],
  cuts: readonly number[],
): Promise<string> {
  await using client = await RawClient.connect(address);
  const bytes = Buffer.concat(lines.map((line) => encodeCommand(line.split(' '))));
  let from = 0;
  for (const cut of [...cuts.map((part) => Math.floor(part * bytes.length)), bytes.length]) {
    await client.send(bytes.subarray(from, cut));
    from = cut;
  }
  while (!client.receivedBytes.includes('the-end\r\n')) await client.reply();
  const text = client.receivedBytes.toString('latin1');
  // The version and the client's number.
  return text.replaceAll(/\$\d\r\n7\.\d\.\d+/g, '_').replaceAll(/id\r\n:\d+/g, 'id');
}

test(
  `sessions of ${ROUNDS} random clients (PROXY_SEED=${seed})`,
  { timeout: 120_000 },
  async () => {
    const random = randomFrom(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const lines = sessionOf(random, round);
      const cuts = Array.from({ length: Math.floor(random() * 4) }, random).toSorted(
        (a, b) => a - b,
      );
      const [ours, theirs] = await Promise.all([
        bytesOf(twins.fixture.proxy.address, lines, cuts),
        bytesOf(twins.reference.address, lines, cuts),
      ]);
      expect({ round, lines, bytes: ours }).toEqual({ round, lines, bytes: theirs });
    }
  },
);
