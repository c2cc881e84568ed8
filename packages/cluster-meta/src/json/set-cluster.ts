import { accept } from '@undermoon/runtime';
import type { ClusterConfig } from '../cluster-config.ts';
import type { ListedReplica } from '../cluster.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import type { AddressSlots, SetCluster } from '../umctl/commands.ts';
import { configWarning } from '../umctl/config-words.ts';
import { PackedSlots, type PackedSetCluster } from '../umctl/packed-slots.ts';
import {
  clusterConfigToJson,
  readClusterConfigJson,
  type ClusterConfigJson,
} from './cluster-config.ts';
import {
  isJsonObject,
  memberPath,
  parseAddressJson,
  parseNoClusterNameJson,
  refuseJson,
  type JsonOutcome,
} from './fields.ts';
import {
  listedReplicasToJson,
  parseListedReplicaJson,
  type ListedReplicaJson,
} from './listed-replica.ts';
import { parseTaggedSlotsJson, taggedSlotsToJson, type TaggedSlotsJson } from './tagged-slots.ts';

/** What an address and one of its lists of slots cost, in items of a slice. */
const ITEM_WEIGHT = 3;
/** A list is read in one go: it holds no more ranges than there are slots. */
const RANGES_PER_ITEM = 8;

/** What a SETCLUSTER says past its epoch and flags. */
type SetClusterPayload = Omit<SetCluster, 'epoch' | 'force'>;

/** The same as it is read. */
export type PackedPayload = Omit<PackedSetCluster, 'epoch' | 'force'>;

/** JSON form of it: the COMPRESS payload. */
export interface SetClusterJson {
  readonly cluster_name: string;
  readonly local: Readonly<Record<string, readonly TaggedSlotsJson[]>>;
  readonly peer: Readonly<Record<string, readonly TaggedSlotsJson[]>>;
  /** Left out when they are not told. */
  readonly replicas?: readonly ListedReplicaJson[];
  readonly cluster_config: ClusterConfigJson;
}

/** The JSON form; addresses in the given order. */
export function setClusterToJson(payload: SetClusterPayload): SetClusterJson {
  return {
    cluster_name: payload.clusterName ?? '',
    local: addressSlotsToJson(payload.local),
    peer: addressSlotsToJson(payload.peers),
    ...listedReplicasToJson(payload.replicas),
    cluster_config: clusterConfigToJson(payload.config),
  };
}

/** Where the JSON stands, for messages, and the addresses that each part may name. */
export interface SetClusterPlace {
  readonly path: string;
  readonly nodesMax: number;
}

/** Reads the JSON form, in slices. Only `cluster_config` is read leniently, as in the plain form. */
export function* decodeSetClusterJson(
  value: unknown,
  { path, nodesMax }: SetClusterPlace,
  meter: SliceMeter,
): Slices<JsonOutcome<PackedPayload>> {
  if (!isJsonObject(value)) return refuseJson(value, path, 'an object');
  const name = parseNoClusterNameJson(value['cluster_name'], memberPath(path, 'cluster_name'));
  if (!name.ok) return name;
  const localPlace = { path: memberPath(path, 'local'), nodesMax };
  const local = yield* decodeAddressSlots(value['local'], localPlace, meter);
  if (!local.ok) return local;
  const peerPlace = { path: memberPath(path, 'peer'), nodesMax };
  const peers = yield* decodeAddressSlots(value['peer'], peerPlace, meter);
  if (!peers.ok) return peers;
  const replicaPlace = { path: memberPath(path, 'replicas'), nodesMax };
  const replicas = yield* decodeReplicas(value['replicas'], replicaPlace, meter);
  if (!replicas.ok) return replicas;
  const config = parseConfig(value['cluster_config'], memberPath(path, 'cluster_config'));
  if (!config.ok) return config;
  return accept({
    clusterName: name.value,
    local: local.value,
    peers: peers.value,
    replicas: replicas.value,
    ...config.value,
  });
}

function addressSlotsToJson(list: readonly AddressSlots[]): Record<string, TaggedSlotsJson[]> {
  const slotsOf = new Map<string, TaggedSlotsJson[]>();
  for (const { address, slots } of list) {
    const known = slotsOf.get(address) ?? [];
    slotsOf.set(address, known);
    for (const item of slots) known.push(taggedSlotsToJson(item));
  }
  return Object.fromEntries(slotsOf);
}

function* decodeAddressSlots(
  value: unknown,
  { path, nodesMax }: SetClusterPlace,
  meter: SliceMeter,
): Slices<JsonOutcome<PackedSlots>> {
  if (!isJsonObject(value)) return refuseJson(value, path, 'an object');
  const packed = new PackedSlots();
  const entries = Object.entries(value);
  if (entries.length > nodesMax) {
    return refuseJson(value, path, `an object of at most ${nodesMax} addresses`);
  }
  if (meter.isFullAfter(entries.length)) yield;
  for (const [key, items] of entries) {
    const itemPath = memberPath(path, JSON.stringify(key));
    const address = parseAddressJson(key, itemPath);
    if (!address.ok) return address;
    if (!Array.isArray(items)) return refuseJson(items, itemPath, 'an array');
    let index = 0;
    for (const item of items as readonly unknown[]) {
      const parsed = parseTaggedSlotsJson(item, `${itemPath}[${index}]`);
      if (!parsed.ok) return parsed;
      const { ranges, tag } = parsed.value;
      for (const [start, end] of ranges) packed.addRange(start, end);
      packed.addItem(address.value, tag);
      index += 1;
      const weight = ITEM_WEIGHT + ranges.length / RANGES_PER_ITEM;
      if (meter.isFullAfter(weight)) yield;
    }
    if (meter.isFullAfter(ITEM_WEIGHT)) yield;
  }
  return accept(packed);
}

function* decodeReplicas(
  value: unknown,
  { path, nodesMax }: SetClusterPlace,
  meter: SliceMeter,
): Slices<JsonOutcome<readonly ListedReplica[] | null>> {
  if (value === undefined || value === null) return accept(null);
  if (!Array.isArray(value) || value.length > nodesMax) {
    return refuseJson(value, path, `an array of at most ${nodesMax} replicas`);
  }
  const list: ListedReplica[] = [];
  for (const item of value as readonly unknown[]) {
    const replica = parseListedReplicaJson(item, `${path}[${list.length}]`);
    if (!replica.ok) return replica;
    list.push(replica.value);
    if (meter.isFullAfter(ITEM_WEIGHT)) yield;
  }
  return accept(list);
}

interface LenientConfig {
  readonly config: ClusterConfig;
  readonly configWarning: string | null;
}

function parseConfig(value: unknown, path: string): JsonOutcome<LenientConfig> {
  if (!isJsonObject(value)) return refuseJson(value, path, 'an object');
  const { config, faults } = readClusterConfigJson(value, path);
  return accept({ config, configWarning: configWarning(faults) });
}
