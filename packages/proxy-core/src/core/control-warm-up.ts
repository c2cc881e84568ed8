import { Buffer } from 'node:buffer';
import {
  clusterConfigFields,
  decodeInflated,
  decodeSetCluster,
  DEFAULT_CLUSTER_CONFIG,
  type DecodedSetCluster,
  type FrameWords,
  type NodeAddress,
  type Slices,
} from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { nodesSlices, renderClusterInfo, shardsSlices, slotsSlices } from './cluster-rendering.ts';
import { clusterViewSlices } from './cluster-view.ts';
import { changedSlots } from './held-slots.ts';
import { metadataSlices } from './metadata-rendering.ts';
import { EMPTY_TABLE, routingTableSlices } from './routing-table.ts';
import type { SliceMeters } from './slice-meters.ts';

const ROUNDS = 10;
const PEERS = 100;
const RANGES_EACH = 8;
const LONG_RANGES = 500;

/**
 * Reads made-up metadata and draws the replies about it until the runtime has compiled the code, in slices. `wordsOf`
 * gives the words after the sub-command.
 * Without it the first metadata of a large cluster meets slices of 5 to 10 ms (measured).
 */
export function* controlWarmUpSlices(
  meters: SliceMeters,
  self: NodeAddress,
  wordsOf: (frame: Buffer) => FrameWords,
): Slices<void> {
  const frame = encodeCommand(['UMCTL', 'SETCLUSTER', ...plainWords()]);
  const json = Buffer.from(JSON.stringify(jsonForm()));
  for (let round = 0; round < ROUNDS; round++) {
    const decoded = yield* decodeSetCluster(wordsOf(frame), {}, meters.of('decode'));
    const head = yield* decodeSetCluster(wordsOf(COMPRESSED_FRAME), {}, meters.of('decode'));
    if (decoded.ok && decoded.value.kind === 'whole' && head.ok) {
      yield* draw(decoded.value, meters, self);
      if (head.value.kind === 'compressed') {
        yield* decodeInflated(head.value, json, meters.of('json'));
      }
    }
  }
}

function* draw(
  { command }: Extract<DecodedSetCluster, { kind: 'whole' }>,
  meters: SliceMeters,
  self: NodeAddress,
): Slices<void> {
  const table = yield* routingTableSlices(command, self, meters.of('table'));
  const links = table.listed ?? [];
  const source = { table, self, links, idOf: (address: NodeAddress) => address };
  const view = yield* clusterViewSlices(source, meters.of('SLOTS'));
  yield* slotsSlices(view, 2, meters.of('SLOTS'));
  yield* nodesSlices(view, { protocol: 2, selfId: self }, meters.of('NODES'));
  yield* shardsSlices(view, 2, meters.of('SHARDS'));
  yield* metadataSlices(table, meters.of('METADATA'));
  renderClusterInfo(source, 2);
  changedSlots(EMPTY_TABLE, table);
  yield;
}

/** Its payload, four zero bytes, is never inflated. */
const COMPRESSED_FRAME = encodeCommand(['UMCTL', 'SETCLUSTER', 'v2', '1', 'COMPRESS', 'AAAAAA==']);

function plainWords(): string[] {
  const words = ['v2', '1', 'NOFLAG', 'warm-up', 'h:1', '2', '7-7', '9-10', 'PEER'];
  for (let peer = 0; peer < PEERS; peer++) {
    words.push(`peer-${peer}:6001`, String(RANGES_EACH));
    for (const [start, end] of rangesOf(peer)) words.push(`${start}-${end}`);
  }
  // A line of CLUSTER NODES that is written in parts.
  words.push('peer-0:6001', String(LONG_RANGES));
  for (const [start, end] of longRanges()) words.push(`${start}-${end}`);
  words.push('REPLICA');
  for (const { master, address } of replicas()) words.push(master, address);
  words.push('CONFIG');
  for (const [field, value] of clusterConfigFields(DEFAULT_CLUSTER_CONFIG)) {
    words.push(field, value);
  }
  return words;
}

function jsonForm(): object {
  const peer: Record<string, unknown> = {};
  for (let i = 0; i < PEERS; i++) {
    peer[`peer-${i}:6001`] = [{ range_list: rangesOf(i), tag: 'None' }];
  }
  const local = { 'h:1': [{ range_list: [[0, 0], ...longRanges()], tag: 'None' }] };
  return { cluster_name: 'warm-up', local, peer, replicas: replicas(), cluster_config: {} };
}

/** Every other proxy has one. */
function replicas(): { readonly master: string; readonly address: string }[] {
  return Array.from({ length: PEERS / 2 }, (_, i) => ({
    master: `peer-${2 * i}:6001`,
    address: `copy-${2 * i}:6001`,
  }));
}

function longRanges(): [number, number][] {
  return Array.from({ length: LONG_RANGES }, (_, i) => [i * 20 + 12, i * 20 + 13]);
}

function rangesOf(peer: number): [number, number][] {
  return Array.from({ length: RANGES_EACH }, (_, i) => {
    const start = (i * PEERS + peer) * 20;
    return [start, start + (i % 2)];
  });
}
