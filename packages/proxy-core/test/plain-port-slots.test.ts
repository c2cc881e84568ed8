import { keySlotOf } from '@undermoon/slots';
import type { RawClient } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type PlainPair, startPlainPair, wordOf, wordsOf } from './plain-fixture.ts';

const APART =
  "Keys in request don't hash to the same slot; those with the same {tag} in their names do";

let pair: PlainPair;
let client: RawClient;

// Two keys of one server in different slots, and one of the other server.
const names = Array.from({ length: 50 }, (_, i) => `key:${i}`);
const [a = '', b = ''] = names.filter((name) => keySlotOf(name) <= 8191);
const other = names.find((name) => keySlotOf(name) > 8191) ?? '';

beforeAll(async () => {
  pair = await startPlainPair();
});

beforeEach(async () => {
  client = await pair.connect();
  await client.command('FLUSHALL');
});

afterEach(() => client.close());
afterAll(() => pair.stop());

async function ask(...commands: string[]): Promise<string[]> {
  const replies = await Promise.all(commands.map((line) => client.command(...line.split(' '))));
  return replies.map((reply) =>
    reply.type === 'array' ? wordsOf(reply).join(' ') : wordOf(reply),
  );
}

test.each([
  `RENAME <x> <y>`,
  `SMOVE <x> <y> m`,
  `LMOVE <x> <y> LEFT RIGHT`,
  `MSETNX <x> 1 <y> 2`,
  `COPY <x> <y>`,
])('%s works with keys of one slot, and on no others wherever they are', async (form) => {
  const line = (x: string, y: string): string => form.replace('<x>', x).replace('<y>', y);
  for (const key of [b, other]) {
    expect(await ask(line(a, key))).toEqual([`CROSSSLOT ${APART}`]);
  }
  const [reply = ''] = await ask(line(`{${other}}x`, `{${other}}y`));
  expect(reply).not.toMatch(/CROSSSLOT|MOVED/);
});

test.each([a, other])(
  'a transaction on keys of one slot, with WATCH, at either server: %s',
  async (key) => {
    const lines = [
      `WATCH {${key}}1 {${key}}2`,
      'MULTI',
      `SET {${key}}1 v`,
      `MGET {${key}}1 {${key}}2`,
      'EXEC',
    ];
    const replies = await ask(...lines);
    expect(replies.slice(0, 4)).toEqual(['OK', 'OK', 'QUEUED', 'QUEUED']);
    expect(replies[4]).toMatch(/^OK/);
  },
);
