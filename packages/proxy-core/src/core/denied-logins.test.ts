import { expect, test } from 'vitest';
import { type DeniedAttempt, DeniedLogins, mergeDenied } from './denied-logins.ts';

const attempt = (username: string, more: Partial<DeniedAttempt> = {}): DeniedAttempt => ({
  context: 'toplevel',
  object: 'AUTH',
  username: Buffer.from(username),
  client: 'id=1',
  ...more,
});

/** Who failed how often. */
function shown(entries: ReturnType<typeof mergeDenied>): readonly string[] {
  return entries.map(
    ({ id, count, username }) => `${id} ${Buffer.from(username).toString()} ${count}`,
  );
}

test('one like those of the last minute counts with them, and comes to the front', () => {
  const log = new DeniedLogins(128);
  log.note(attempt('a'), 1000);
  log.note(attempt('b'), 2000);
  log.note(attempt('a', { client: 'id=2' }), 61_000);
  expect(shown(log.entries)).toEqual(['0 a 2', '1 b 1']);
  expect(log.entries[0]).toMatchObject({ client: 'id=2', createdMs: 1000, updatedMs: 61_000 });
  log.note(attempt('a'), 121_001);
  log.note(attempt('a', { object: 'auth' }), 121_001);
  log.note(attempt('a', { context: 'multi' }), 121_001);
  expect(shown(log.entries)).toEqual(['4 a 1', '3 a 1', '2 a 1', '0 a 2', '1 b 1']);
  log.clear();
  expect(log.entries).toEqual([]);
});

test('the oldest go when there are too many, and long names are cut', () => {
  const log = new DeniedLogins(2);
  for (const name of ['a', 'b', 'c']) log.note(attempt(name), 0);
  expect(shown(log.entries)).toEqual(['2 c 1', '1 b 1']);
  log.entriesMax = 1;
  expect(shown(log.entries)).toEqual(['2 c 1']);
  log.note(attempt('x'.repeat(2000)), 0);
  const text = Buffer.from(log.entries[0]?.username ?? []).toString();
  expect(text).toBe(`${'x'.repeat(1024)}... (976 more bytes)`);
  log.entriesMax = 0;
  log.note(attempt('a'), 0);
  expect(log.entries).toEqual([]);
});

test('loops together', () => {
  const [one, other] = [
    new DeniedLogins(9, { next: 0, step: 2 }),
    new DeniedLogins(9, { next: 1, step: 2 }),
  ];
  one.note(attempt('a'), 1000);
  one.note(attempt('b'), 5000);
  other.note(attempt('a'), 2000);
  other.note(attempt('b'), 100_000);
  const merged = mergeDenied([one.entries, other.entries]);
  expect(shown(merged)).toEqual(['3 b 1', '2 b 1', '0 a 2']);
  expect(merged[2]).toMatchObject({ createdMs: 1000, updatedMs: 2000 });
});
