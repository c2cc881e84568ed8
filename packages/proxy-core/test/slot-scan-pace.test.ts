// A scan of many keys for CLUSTER COUNTKEYSINSLOT and its like leaves room for other clients: counted in work, not in time.
import { encodeCommand } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALL_SLOTS, type Fixture, startFixture } from './fixture.ts';
import { wordOf } from './plain-fixture.ts';

const KEYS = 30_000;
/** What the server looks at for one page. */
const PAGE_KEYS = 500;
const PAGES = KEYS / PAGE_KEYS;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture([ALL_SLOTS], { backendConnNum: 1 });
  await using direct = await RawClient.connect(fixture.redis[0]?.address ?? '');
  const sets = Array.from({ length: KEYS }, (_, i) => encodeCommand(['SET', `key:${i}`, 'x']));
  const replies = direct.replies(KEYS);
  await direct.send(Buffer.concat(sets));
  await replies;
});

afterAll(() => fixture.stop());

/** The commands that the server carries out, in order, until `work` is done. */
async function watched(work: () => Promise<unknown>): Promise<string[]> {
  await using monitor = await RawClient.connect(fixture.redis[0]?.address ?? '');
  await monitor.command('MONITOR');
  await work();
  await using last = await RawClient.connect(fixture.redis[0]?.address ?? '');
  await last.command('ECHO', 'the end');
  const names: string[] = [];
  for (;;) {
    const [, name = ''] = /\] "(\w+)"/.exec(wordOf(await monitor.reply())) ?? [];
    if (name === 'ECHO') return names;
    names.push(name.toUpperCase());
  }
}

/** One command after the other, until the answer has come. */
async function busyUntil(answer: Promise<unknown>, client: RawClient, words: string[]) {
  const scan = { isOver: false };
  const noteEnd = answer.finally(() => (scan.isOver = true));
  let count = 0;
  for (; !scan.isOver; count++) await client.command(...words);
  await noteEnd;
  return count;
}

test.each([
  ['COUNTKEYSINSLOT', '1'],
  ['GETKEYSINSLOT', '1', '100000'],
  ['SLOT-STATS', 'SLOTSRANGE', '0', '16383'],
])('commands of neighbours are carried out between the pages of CLUSTER %s', async (...words) => {
  await using scanner = await fixture.connect();
  await using writer = await fixture.connect();
  await using reader = await fixture.connect();
  await reader.command('READONLY');
  let counts: number[] = [];
  const names = await watched(async () => {
    const answer = scanner.command('CLUSTER', ...words);
    counts = await Promise.all([
      busyUntil(answer, writer, ['SET', 'neighbour', 'x']),
      busyUntil(answer, reader, ['GET', 'neighbour']),
    ]);
    expect((await answer).type).not.toBe('error');
  });
  const pages = names.filter((name) => name === 'SCAN').length;
  expect(pages).toBeGreaterThanOrEqual(PAGES);
  // If the server had no rest, or one page had all keys, the neighbours would wait for the whole scan.
  const between = names.join(' ').split('SCAN').slice(1, -1);
  for (const [i, name] of ['SET', 'GET'].entries()) {
    expect(counts[i]).toBeGreaterThan(pages / 2);
    const without = between.filter((others) => !others.includes(name));
    expect(without.length).toBeLessThan(pages / 2);
  }
});
