import { accept } from '@undermoon/runtime';
import type { ClusterConfig } from '../cluster-config.ts';
import type { ClusterName } from '../cluster-name.ts';
import type { AddressSlots, SetCluster } from '../umctl/commands.ts';
import { configWarning } from '../umctl/config-words.ts';
import {
  clusterConfigToJson,
  readClusterConfigJson,
  type ClusterConfigJson,
} from './cluster-config.ts';
import {
  isJsonObject,
  memberPath,
  parseAddressJson,
  parseJsonArray,
  parseJsonObject,
  parseNoClusterNameJson,
  refuseJson,
  type JsonOutcome,
} from './fields.ts';
import { parseTaggedSlotsJson, taggedSlotsToJson, type TaggedSlotsJson } from './tagged-slots.ts';

/** What a SETCLUSTER says past its epoch and flags. */
export type SetClusterPayload = Omit<SetCluster, 'epoch' | 'force'>;

/** JSON form of it: the COMPRESS payload. */
export interface SetClusterJson {
  readonly cluster_name: string;
  readonly local: Readonly<Record<string, readonly TaggedSlotsJson[]>>;
  readonly peer: Readonly<Record<string, readonly TaggedSlotsJson[]>>;
  readonly cluster_config: ClusterConfigJson;
}

/** The JSON form; addresses in the given order. */
export function setClusterToJson(payload: SetClusterPayload): SetClusterJson {
  return {
    cluster_name: payload.clusterName ?? '',
    local: addressSlotsToJson(payload.local),
    peer: addressSlotsToJson(payload.peers),
    cluster_config: clusterConfigToJson(payload.config),
  };
}

/** Reads the JSON form. Only `cluster_config` is read leniently, as in the plain form. */
export function parseSetClusterJson(value: unknown, path: string): JsonOutcome<SetClusterPayload> {
  const payload = parseJsonObject<WirePayload>(value, path, {
    clusterName: ['cluster_name', parseNoClusterNameJson],
    local: ['local', parseAddressSlots],
    peers: ['peer', parseAddressSlots],
    cluster: ['cluster_config', parseConfig],
  });
  if (!payload.ok) return payload;
  const { cluster, ...rest } = payload.value;
  return accept({ ...rest, ...cluster });
}

interface WirePayload {
  readonly clusterName: ClusterName | null;
  readonly local: readonly AddressSlots[];
  readonly peers: readonly AddressSlots[];
  readonly cluster: { readonly config: ClusterConfig; readonly configWarning: string | null };
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

function parseAddressSlots(value: unknown, path: string): JsonOutcome<readonly AddressSlots[]> {
  if (!isJsonObject(value)) return refuseJson(value, path, 'an object');
  const list: AddressSlots[] = [];
  for (const [key, items] of Object.entries(value)) {
    const itemPath = memberPath(path, JSON.stringify(key));
    const address = parseAddressJson(key, itemPath);
    if (!address.ok) return address;
    const slots = parseJsonArray(items, itemPath, parseTaggedSlotsJson);
    if (!slots.ok) return slots;
    list.push({ address: address.value, slots: slots.value });
  }
  return accept(list);
}

function parseConfig(value: unknown, path: string): JsonOutcome<WirePayload['cluster']> {
  if (!isJsonObject(value)) return refuseJson(value, path, 'an object');
  const { config, faults } = readClusterConfigJson(value, path);
  return accept({ config, configWarning: configWarning(faults) });
}
