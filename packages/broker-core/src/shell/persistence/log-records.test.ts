import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeLog, encodeLogHead, encodeLogRecord } from './log-records.ts';

const HEAD = {
  applyVersion: 1,
  storeId: '00000000-0000-4000-8000-000000000000',
  start: 17,
} as const;
const RECORDS = [{ a: 'ä\n"@ ' }, { b: [1, 2, 3] }, { c: 'x'.repeat(40) }];

function logOf(records: readonly unknown[] = RECORDS): { bytes: Buffer; ends: number[] } {
  const parts = [
    encodeLogHead(HEAD),
    ...records.map((json, index) => encodeLogRecord(HEAD.start + index, json)),
  ];
  let end = 0;
  const ends = parts.map((part) => (end += part.length));
  return { bytes: Buffer.concat(parts), ends };
}

describe('a log', () => {
  test('gives back what was written', () => {
    const { bytes } = logOf();
    const content = decodeLog(bytes);
    expect(content.head).toEqual(HEAD);
    expect(content.records.map(({ json }) => json)).toEqual(RECORDS);
    expect(content.records.map(({ sequence }) => sequence)).toEqual([17, 18, 19]);
    expect(content.soundBytes).toBe(bytes.length);
    expect(decodeLog(encodeLogHead(HEAD)).records).toEqual([]);
  });

  test('has records as long as they are asked to be', () => {
    const plain = encodeLogRecord(17, RECORDS[0]);
    for (let bytesMin = 0; bytesMin < plain.length + 200; bytesMin++) {
      const record = encodeLogRecord(17, RECORDS[0], bytesMin);
      assert(record.length >= bytesMin);
      if (bytesMin <= plain.length) assert.deepEqual(record, plain);
      const { records } = decodeLog(Buffer.concat([encodeLogHead(HEAD), record]));
      assert.deepEqual(
        records.map(({ json }) => json),
        [RECORDS[0]],
      );
    }
  });

  test('cut at any byte after its head gives the records before the cut', () => {
    const { bytes, ends } = logOf();
    const [headEnd = 0, ...recordEnds] = ends;
    for (let length = headEnd; length <= bytes.length; length++) {
      const { records, soundBytes } = decodeLog(bytes.subarray(0, length));
      const whole = recordEnds.filter((end) => end <= length);
      assert.equal(records.length, whole.length, `cut at ${length}`);
      assert.equal(soundBytes, whole.at(-1) ?? headEnd);
    }
    for (let length = 0; length < headEnd; length++) {
      assert.throws(() => decodeLog(bytes.subarray(0, length)), { code: 'STORE_DAMAGED' });
    }
  });

  test('cut at any byte and filled up with zeros gives the records before the cut', () => {
    const { bytes, ends } = logOf();
    const [headEnd = 0, ...recordEnds] = ends;
    const lastStart = recordEnds.at(-2) ?? 0;
    for (let length = lastStart; length < bytes.length; length++) {
      const zeroed = Buffer.concat([bytes.subarray(0, length), Buffer.alloc(600)]);
      assert.equal(decodeLog(zeroed).records.length, 2, `zeros from ${length}`);
    }
    const before = Buffer.from(bytes).fill(0, headEnd, recordEnds[0]);
    expect(() => decodeLog(before)).toThrow('has a damaged record 17');
  });

  test('with any bit of any byte flipped is damaged, and says where', () => {
    const { bytes, ends } = logOf();
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        const record = ends.filter((end) => end <= at).length;
        const name = record === 0 ? 'first line' : `record ${HEAD.start - 1 + record}`;
        const code = 'STORE_DAMAGED';
        assert.throws(
          () => decodeLog(flipped),
          (error: unknown) =>
            error instanceof Error &&
            'code' in error &&
            error.code === code &&
            error.message.includes(`damaged ${name}`),
          `byte ${at} bit ${bit}`,
        );
      }
    }
  });

  test('with a record missing or twice is damaged', () => {
    const parts = [encodeLogHead(HEAD), ...[17, 19].map((n) => encodeLogRecord(n, {}))];
    expect(() => decodeLog(Buffer.concat(parts))).toThrow('damaged record 18');
    const twice = [encodeLogHead(HEAD), ...[17, 17].map((n) => encodeLogRecord(n, {}))];
    expect(() => decodeLog(Buffer.concat(twice))).toThrow('damaged record 18');
  });

  test('of a later format is refused as such', () => {
    const text = `undermoon-log 2 apply=1 store=${HEAD.storeId} start=1`;
    const line = `${text} crc=${crc32(text).toString(16).padStart(8, '0')}\n`;
    expect(() => decodeLog(Buffer.from(line))).toThrow('has the unknown format 2');
  });
});
