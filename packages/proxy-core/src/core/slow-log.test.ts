import { Buffer } from 'node:buffer';
import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { shortened, slowLines, SlowLog } from './slow-log.ts';

const SETTINGS = { slowerThanUs: 100, sampleRate: 10, entriesMax: 2 };

function command(durationUs: number, atMs = durationUs): Parameters<SlowLog['note']>[0] {
  const args = [Buffer.from('GET'), Buffer.from('a')];
  return { atMs, durationUs, firstReplyUs: 5, args, session: 1, peer: 'p', name: '' };
}

test('commands at the threshold are kept, the newest ones, under rising numbers', () => {
  const log = new SlowLog(SETTINGS);
  for (const durationUs of [99, 100, 101, 102]) log.note(command(durationUs));
  expect(log.newest(9).map(({ id, durationUs }) => [id, durationUs])).toEqual([
    [2, 102],
    [1, 101],
  ]);
  expect(log.newest(1)).toHaveLength(1);
  log.clear();
  log.note(command(200));
  expect(log.newest(9)).toMatchObject([{ id: 3 }]);
});

test('one command in so many is timed, or none', () => {
  const log = new SlowLog(SETTINGS);
  expect(log.nextAt).toBe(1);
  log.sampled(1);
  expect(log.nextAt).toBe(11);
  log.change({ ...SETTINGS, slowerThanUs: -1 }, 20);
  expect(log.nextAt).toBe(Infinity);
  log.note(command(1e9));
  expect(log.length).toBe(0);
  log.change({ ...SETTINGS, slowerThanUs: 0, entriesMax: 1 }, 20);
  expect(log.nextAt).toBe(21);
  log.note(command(0));
  log.note(command(1));
  expect(log.length).toBe(1);
});

test('long commands are cut as by Redis', () => {
  const words = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(i === 1 ? 130 : 1));
  const bytes = encodeCommand(words);
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  const texts = shortened(bytes, scanner).map((word) => Buffer.from(word).toString());
  expect(texts).toHaveLength(32);
  expect(texts[1]).toBe(`${'1'.padEnd(128)}... (2 more bytes)`);
  expect(texts[31]).toBe('... (9 more arguments)');
});

test('the lines of undermoon 0.6', () => {
  const args = ['SET', 'k', 'v'.repeat(120), 'EX', '10', 'NX'].map((word) => Buffer.from(word));
  const entry = { ...command(1500, 1_700_000_000_123), id: 7, args };
  expect(slowLines(entry, '2023-11-14T22:13:20.123+00:00')).toEqual([
    'session_id: 1',
    'created: 2023-11-14T22:13:20.123+00:00',
    'sent_to_migration_backend: 0',
    'sent_to_cluster: 0',
    'sent_to_queue: 0',
    'queue_received: 0',
    'sent_to_backend: 0',
    'received_from_backend: 5000',
    'wait_done: 1500000',
    `command: SET k ${'v'.repeat(100)}(120bytes) EX 10`,
  ]);
});
