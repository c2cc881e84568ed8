import {
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type AddressSlots,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { type RespValue, RespWriter, ValueDecoder } from '@undermoon/resp';
import type { SlotRanges } from '@undermoon/slots';
import { describe, expect, test } from 'vitest';
import {
  carriedOver,
  isSameReplicas,
  type LocalReplica,
  type NodeSlots,
  parseNodeSlots,
  replicaSlotsOf,
  replicaTableOf,
  writeNodeSlots,
} from './replica-slots.ts';
import { buildRoutingTable, type RoutingTable } from './routing-table.ts';

function must<T>(value: T | null): T {
  if (value === null) throw new TypeError('a constant of the test is not what it should be');
  return value;
}

const at = (port: number): NodeAddress => must(parseNodeAddress(`10.0.0.1:${port}`));
const epochOf = (value: number): Epoch => must(parseEpoch(value));
const PROXY = at(1);
const MASTER: LocalReplica = { node: at(21), master: at(11), masterProxy: PROXY };
const OTHER: LocalReplica = { node: at(22), master: at(12), masterProxy: PROXY };

function tableOf(
  epoch: number,
  peers: readonly (readonly [NodeAddress, SlotRanges])[],
  local: readonly (readonly [NodeAddress, SlotRanges])[] = [],
): RoutingTable {
  const slotsOf = ([address, ranges]: readonly [NodeAddress, SlotRanges]): AddressSlots => ({
    address,
    slots: [{ ranges, tag: { kind: 'none' } }],
  });
  return buildRoutingTable({
    epoch: epochOf(epoch),
    force: false,
    clusterName: parseClusterName('test'),
    local: local.map(slotsOf),
    peers: peers.map(slotsOf),
    replicas: null,
    config: {} as never,
    configWarning: null,
  });
}

function said(epoch: number, ...nodes: (readonly [NodeAddress, SlotRanges])[]): NodeSlots {
  return { epoch: epochOf(epoch), nodes: new Map(nodes) };
}

const found = (table: RoutingTable, replicas: readonly LocalReplica[], by: NodeSlots) =>
  replicaSlotsOf(table, replicas, new Map([[PROXY, by]]));

describe('which slots can be read here', () => {
  const table = tableOf(7, [[PROXY, [[0, 9]]]], [[at(31), [[10, 12]]]]);

  test('those of a followed server that its proxy has by this metadata', () => {
    const by = said(7, [at(11), [[0, 4]]], [at(12), [[5, 12]]]);
    const replicas = found(table, [MASTER, OTHER], by);
    expect(replicas?.nodes).toEqual([at(21), at(22)]);
    expect([...(replicas?.slots.subarray(0, 14) ?? [])]).toEqual([
      0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -1, -1, -1, -1,
    ]);
    const { slots, localNodes } = replicaTableOf({ ...table, replicas });
    expect(localNodes).toEqual([at(31), at(21), at(22)]);
    expect([...slots.subarray(0, 14)]).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 0, 0, 0, -1]);
    expect(isSameReplicas(replicas, found(table, [MASTER, OTHER], by))).toBe(true);
    expect(isSameReplicas(replicas, found(table, [MASTER], by))).toBe(false);
    expect(isSameReplicas(replicas, null)).toBe(false);
  });

  test('none by other metadata, of another server, or of slots that the proxy does not have', () => {
    expect(found(table, [MASTER], said(6, [at(11), [[0, 4]]]))).toBeNull();
    expect(found(table, [MASTER], said(8, [at(11), [[0, 4]]]))).toBeNull();
    expect(found(table, [MASTER], said(7, [at(13), [[0, 4]]]))).toBeNull();
    expect(found(table, [MASTER], said(7, [at(11), [[10, 20]]]))).toBeNull();
    expect(replicaSlotsOf(table, [MASTER], new Map())).toBeNull();
    expect(replicaTableOf(table)).toBe(table);
  });
});

describe('newer metadata', () => {
  const all: SlotRanges = [[0, 9]];
  const before = tableOf(7, [[PROXY, all]]);

  test('keeps what one server was said to have as long as its proxy has the same slots', () => {
    const kept = carriedOver(said(7, [at(11), all]), PROXY, before, tableOf(9, [[PROXY, all]]));
    expect(kept).toEqual(said(9, [at(11), all]));
  });

  test.each([
    ['the proxy has less', said(7, [at(11), all]), tableOf(9, [[PROXY, [[0, 8]]]])],
    ['the proxy has more', said(7, [at(11), all]), tableOf(9, [[PROXY, [[0, 10]]]])],
    ['it is another proxy', said(7, [at(11), all]), tableOf(9, [[at(2), all]])],
    [
      'there are two servers',
      said(7, [at(11), [[0, 4]]], [at(12), [[5, 9]]]),
      tableOf(9, [[PROXY, all]]),
    ],
    ['it was said of less', said(7, [at(11), [[0, 4]]]), tableOf(9, [[PROXY, all]])],
    ['it was said by older metadata', said(6, [at(11), all]), tableOf(9, [[PROXY, all]])],
  ])('drops it when %s', (_, what, after) => {
    expect(carriedOver(what, PROXY, before, after)).toBeNull();
  });
});

describe('UMCTL NODESLOTS', () => {
  test('says the epoch and the slots of each local server', () => {
    const table = tableOf(
      7,
      [[PROXY, [[5, 6]]]],
      [
        [at(31), [[0, 4]]],
        [
          at(32),
          [
            [7, 7],
            [9, 16_383],
          ],
        ],
      ],
    );
    const writer = new RespWriter();
    writeNodeSlots(writer, table);
    const decoder = new ValueDecoder();
    decoder.push(writer.take());
    expect(parseNodeSlots(decoder.next() ?? { type: 'null' })).toEqual(
      said(
        7,
        [at(31), [[0, 4]]],
        [
          at(32),
          [
            [7, 7],
            [9, 16_383],
          ],
        ],
      ),
    );
  });

  const bulk = (text: string): RespValue => ({ type: 'bulk', value: Buffer.from(text) });
  const reply = (epoch: string, address: string, ranges: string): RespValue => ({
    type: 'array',
    items: [
      bulk(epoch),
      { type: 'array', items: [{ type: 'array', items: [bulk(address), bulk(ranges)] }] },
    ],
  });

  test.each<[string, RespValue]>([
    ['an error', { type: 'error', value: 'Invalid sub command' }],
    ['no list', { type: 'array', items: [bulk('1')] }],
    ['no epoch', reply('x', '10.0.0.1:1', '0-1')],
    ['no address', reply('1', 'nowhere', '0-1')],
    ['no ranges', reply('1', '10.0.0.1:1', '')],
    ['a range that ends before it begins', reply('1', '10.0.0.1:1', '2-1')],
    ['a slot too high', reply('1', '10.0.0.1:1', '16384')],
  ])('is nothing if it is %s', (_, value) => {
    expect(parseNodeSlots(value)).toBeNull();
  });
});
