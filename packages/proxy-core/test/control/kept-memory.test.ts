import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  decodeSetCluster,
  encodeSetCluster,
  finishSlices,
  FrameWords,
  parseNodeAddress,
  SliceMeter,
} from '@undermoon/cluster-meta';
import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { routingTableSlices, type RoutingTable } from '../../src/core/routing-table.ts';
import {
  largeMetadata,
  MANY_PROXIES,
  SINGLE_SLOTS_OF_MANY,
  SINGLE_SLOTS_OF_TWO,
  type MetadataShape,
} from './large-metadata.ts';

const COUNT = 8;
const SELF = parseNodeAddress('127.0.0.1:5299')!;

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');
setFlagsFromString('--no-expose-gc');

function heapBytes(): number {
  if (typeof collect !== 'function') throw new TypeError('garbage cannot be collected');
  for (let i = 0; i < 3; i++) Reflect.apply(collect, null, []);
  return process.memoryUsage().heapUsed;
}

function wordsOf(shape: MetadataShape): FrameWords {
  const document = largeMetadata(shape, { epoch: 5, local: '127.0.0.1:7000' });
  const words = encodeSetCluster(document, { compress: false });
  const frame = encodeCommand(['UMCTL', 'SETCLUSTER', ...words]);
  const scanner = new RequestScanner();
  scanner.scan(frame, 0, frame.length);
  const starts = scanner.argStart.slice(0, scanner.argc);
  const ends = scanner.argEnd.slice(0, scanner.argc);
  return new FrameWords(frame, { starts, ends }, 2);
}

function tableOf(words: FrameWords): RoutingTable {
  const decoded = finishSlices(decodeSetCluster(words, {}, new SliceMeter()));
  if (!decoded.ok || decoded.value.kind !== 'whole') throw new Error('refused');
  return finishSlices(routingTableSlices(decoded.value.command, SELF, new SliceMeter()));
}

// What a document leaves on the heap is what the garbage collector moves before it is old: some 2 ms for a megabyte of
// small objects. With an object for each range, the first of these left 630 KB. A list of a thousand replicas leaves 90 KB.
test.each([
  ['a thousand proxies', MANY_PROXIES, 330_000],
  ['single slots of two proxies', SINGLE_SLOTS_OF_TWO, 50_000],
  ['single slots of a thousand', SINGLE_SLOTS_OF_MANY, 330_000],
] as const)('the metadata of %s leaves few objects', (_, shape, bytesMax) => {
  const words = wordsOf(shape);
  // The code is compiled then.
  for (let i = 0; i < COUNT; i++) tableOf(words);
  const before = heapBytes();
  const tables = Array.from({ length: COUNT }, () => tableOf(words));
  const bytes = (heapBytes() - before) / COUNT;
  for (const { slots } of tables) expect(slots.indexOf(-1)).toBe(-1);
  expect(bytes).toBeLessThan(bytesMax);
});
