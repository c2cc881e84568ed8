import {
  decodeInflated,
  decodeSetCluster,
  encodeSetCluster,
  packSetCluster,
  parseNodeAddress,
  SliceMeter,
  TextWords,
  unpackSetCluster,
  type SetCluster,
  type Slices,
} from '@undermoon/cluster-meta';
import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodesSlices, shardsSlices, slotsSlices } from '../../src/core/cluster-rendering.ts';
import { clusterViewSlices, type ClusterView } from '../../src/core/cluster-view.ts';
import { metadataSlices } from '../../src/core/metadata-rendering.ts';
import { routingTableSlices, type RoutingTable } from '../../src/core/routing-table.ts';
import { sortedSlices } from '../../src/core/sorted-slices.ts';
import {
  largeMetadata,
  MANY_PROXIES,
  SINGLE_SLOTS_OF_MANY,
  SINGLE_SLOTS_OF_TWO,
} from './large-metadata.ts';

const ITEMS_PER_SLICE = 100;
/** What is done in one go at most: a list of ranges, a piece of base64. */
const LARGEST_ITEM = 2100;
const SELF = parseNodeAddress('127.0.0.1:5299')!;

/** Notes the most items that were done between two slices. */
class WatchedMeter extends SliceMeter {
  itemsMax = 0;
  fullCount = 0;
  #items = 0;

  override isFullAfter(items: number): boolean {
    this.#items += items;
    this.itemsMax = Math.max(this.itemsMax, this.#items);
    if (!super.isFullAfter(items)) return false;
    this.#items = 0;
    this.fullCount += 1;
    return true;
  }
}

/** Does the work; it has to stop whenever a slice is full, and slices have to be short. */
function work<T>(of: (meter: SliceMeter) => Slices<T>, itemMax = 300): T {
  const meter = new WatchedMeter(ITEMS_PER_SLICE);
  const slices = of(meter);
  let sliceCount = 0;
  let step = slices.next();
  for (; step.done !== true; step = slices.next()) sliceCount += 1;
  expect(sliceCount).toBe(meter.fullCount);
  expect(sliceCount).toBeGreaterThan(5);
  expect(meter.itemsMax).toBeLessThanOrEqual(ITEMS_PER_SLICE + itemMax);
  return step.value;
}

const DOCUMENTS = [MANY_PROXIES, SINGLE_SLOTS_OF_TWO, SINGLE_SLOTS_OF_MANY].map((shape) => ({
  name: `${shape.proxies} proxies of ${shape.rangesEach} ranges`,
  document: largeMetadata(shape, { epoch: 5, local: '127.0.0.1:7000' }),
  rangeCount: shape.proxies * shape.rangesEach,
}));

function tableOf(document: SetCluster): RoutingTable {
  return work((meter) => routingTableSlices(packSetCluster(document), SELF, meter));
}

describe.each(DOCUMENTS)('$name', ({ document, rangeCount }) => {
  test('is read in slices, in both forms', () => {
    const plain = new TextWords(encodeSetCluster(document, { compress: false }));
    const whole = work((meter) => decodeSetCluster(plain, {}, meter));
    if (!whole.ok || whole.value.kind !== 'whole') throw new Error('refused');
    expect(unpackSetCluster(whole.value.command)).toEqual(document);
    const packed = new TextWords(encodeSetCluster(document, { compress: true }));
    const decoded = [...decodeAll(packed)].at(-1);
    if (decoded?.ok !== true || decoded.value.kind !== 'compressed') throw new Error('refused');
    const head = decoded.value;
    const inflated = gunzipSync(head.packed);
    const command = work((meter) => decodeInflated(head, inflated, meter), LARGEST_ITEM);
    expect(command.ok && unpackSetCluster(command.value)).toEqual(document);
  });

  test('becomes a table, a view and replies in slices', () => {
    const table = tableOf(document);
    expect(table.slots.indexOf(-1)).toBe(-1);
    const view = work((meter): Slices<ClusterView> => {
      const source = {
        table,
        self: SELF,
        links: table.listed ?? [],
        idOf: (address: string) => address,
      };
      return clusterViewSlices(source, meter);
    });
    expect(view.rangeCount).toBe(rangeCount);
    expect(view.replicas.size).toBe(document.replicas?.length);
    const nodes = { protocol: 3, selfId: SELF } as const;
    expect(work((meter) => nodesSlices(view, nodes, meter)).length).toBeGreaterThan(10_000);
    for (const slices of [slotsSlices, shardsSlices]) {
      expect(work((meter) => slices(view, 3, meter)).length).toBeGreaterThan(10_000);
    }
    expect(work((meter) => metadataSlices(table, meter)).length).toBeGreaterThan(10_000);
  });
});

function* decodeAll(words: TextWords) {
  yield yield* decodeSetCluster(words, {}, new SliceMeter());
}

test('sorting in slices is sorting', () => {
  const byKey = (left: readonly [number, number], right: readonly [number, number]): number =>
    left[0] - right[0];
  fc.assert(
    fc.property(fc.array(fc.nat(500), { minLength: 900, maxLength: 2000 }), (keys) => {
      const items = keys.map((key, i) => [key, i] as const);
      expect(work((meter) => sortedSlices(items, byKey, meter))).toEqual(items.toSorted(byKey));
    }),
    { numRuns: 30 },
  );
});
