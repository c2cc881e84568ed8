import { type RespValue, RespWriter, ValueDecoder } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { writeHistograms } from './merge-histograms.ts';

type Shown = readonly (readonly [name: string, calls: number, buckets: readonly number[]])[];

/** A server's reply. */
function replyOf(protocol: 2 | 3, histograms: Shown): Buffer {
  const writer = new RespWriter(protocol);
  writer.map(histograms.length);
  for (const [name, calls, buckets] of histograms) {
    writer.bulk(name).map(2).bulk('calls').integer(calls);
    writer.bulk('histogram_usec').map(buckets.length / 2);
    for (const number of buckets) writer.integer(number);
  }
  return writer.take();
}

function merged(protocol: 2 | 3, replies: readonly Shown[]): Buffer {
  const writer = new RespWriter(protocol);
  writeHistograms(
    writer,
    replies.map((reply) => replyOf(protocol, reply)),
  );
  return writer.take();
}

test.each([2, 3] as const)('sums of sums with gaps, in RESP%i', (protocol) => {
  const one: Shown = [
    ['get', 10, [1, 4, 8, 10]],
    ['config|get', 1, [33, 1]],
  ];
  const other: Shown = [
    ['set', 2, [2, 2]],
    ['get', 7, [2, 3, 8, 5, 16, 7]],
  ];
  expect(merged(protocol, [one, other])).toEqual(
    replyOf(protocol, [
      ['get', 17, [1, 4, 2, 7, 8, 15, 16, 17]],
      ['config|get', 1, [33, 1]],
      ['set', 2, [2, 2]],
    ]),
  );
});

test.each([2, 3] as const)('one reply stays as it was, in RESP%i', (protocol) => {
  const shown: Shown = [['get', 10, [1, 4, 8, 10]]];
  expect(merged(protocol, [shown])).toEqual(replyOf(protocol, shown));
  expect(merged(protocol, [])).toEqual(replyOf(protocol, []));
});

test('a reply of another shape adds nothing, and the result can be read', () => {
  const decoder = new ValueDecoder();
  const writer = new RespWriter(2);
  writeHistograms(writer, [Buffer.from('*2\r\n$1\r\na\r\n:1\r\n'), Buffer.from(':1\r\n')]);
  decoder.push(writer.take());
  const value: RespValue | null | undefined = decoder.next();
  expect(value).toMatchObject({ type: 'array', items: [{ type: 'bulk' }, { type: 'array' }] });
});
