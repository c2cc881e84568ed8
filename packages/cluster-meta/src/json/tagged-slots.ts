import { accept } from '@undermoon/runtime';
import {
  normalizeRanges,
  parseSlotId,
  SLOT_COUNT,
  type SlotRange,
  type SlotRanges,
} from '@undermoon/slots';
import { NO_TAG, type MigrationMeta, type MigrationTag, type TaggedSlots } from '../migration.ts';
import {
  isJsonObject,
  memberPath,
  parseAddressJson,
  parseEpochJson,
  parseJsonObject,
  refuseJson,
  type JsonOutcome,
} from './fields.ts';

/** JSON form of `MigrationMeta`. */
export interface MigrationMetaJson {
  readonly epoch: number;
  readonly src_proxy_address: string;
  readonly src_node_address: string;
  readonly dst_proxy_address: string;
  readonly dst_node_address: string;
}

/** JSON form of `MigrationTag`. */
export type MigrationTagJson =
  | 'None'
  | { readonly Migrating: MigrationMetaJson }
  | { readonly Importing: MigrationMetaJson };

/** JSON form of `TaggedSlots`. */
export interface TaggedSlotsJson {
  readonly range_list: readonly SlotRange[];
  readonly tag: MigrationTagJson;
}

/** The JSON form of slots with their tag. */
export function taggedSlotsToJson({ ranges, tag }: TaggedSlots): TaggedSlotsJson {
  return { range_list: ranges, tag: tagToJson(tag) };
}

/** Reads slots with their tag; the ranges come out in normal form. Refuses with the path of the field. */
export function parseTaggedSlotsJson(value: unknown, path = ''): JsonOutcome<TaggedSlots> {
  return parseJsonObject<TaggedSlots>(value, path, {
    ranges: ['range_list', parseRanges],
    tag: ['tag', parseTag],
  });
}

function tagToJson(tag: MigrationTag): MigrationTagJson {
  if (tag.kind === 'none') return 'None';
  const meta = metaToJson(tag.meta);
  return tag.kind === 'migrating' ? { Migrating: meta } : { Importing: meta };
}

function metaToJson(meta: MigrationMeta): MigrationMetaJson {
  return {
    epoch: meta.epoch,
    src_proxy_address: meta.srcProxyAddress,
    src_node_address: meta.srcNodeAddress,
    dst_proxy_address: meta.dstProxyAddress,
    dst_node_address: meta.dstNodeAddress,
  };
}

function parseRanges(value: unknown, path: string): JsonOutcome<SlotRanges> {
  if (!Array.isArray(value)) return refuseJson(value, path, 'an array');
  if (value.length > SLOT_COUNT) return refuseJson(value, path, 'at most as many ranges as slots');
  const ranges: SlotRange[] = [];
  // Paths of elements are made for faults only: a list may have thousands.
  for (const item of value as readonly unknown[]) {
    if (!isRange(item)) {
      return refuseJson(item, `${path}[${ranges.length}]`, 'a pair of slots [start, end]');
    }
    ranges.push(item);
  }
  // Every end has been checked, so there is a normal form.
  return accept(normalizeRanges(ranges) ?? []);
}

function isRange(value: unknown): value is SlotRange {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const pair: readonly unknown[] = value;
  return isSlot(pair[0]) && isSlot(pair[1]);
}

function isSlot(value: unknown): value is number {
  return typeof value === 'number' && parseSlotId(value) !== null;
}

function parseTag(value: unknown, path: string): JsonOutcome<MigrationTag> {
  if (value === 'None') return accept(NO_TAG);
  const [key, ...others] = isJsonObject(value) ? Object.keys(value) : [];
  if (!isJsonObject(value) || others.length > 0 || (key !== 'Migrating' && key !== 'Importing')) {
    return refuseJson(value, path, '"None", {"Migrating": …} or {"Importing": …}');
  }
  const meta = parseMeta(value[key], memberPath(path, key));
  if (!meta.ok) return meta;
  return accept({ kind: key === 'Migrating' ? 'migrating' : 'importing', meta: meta.value });
}

function parseMeta(value: unknown, path: string): JsonOutcome<MigrationMeta> {
  return parseJsonObject<MigrationMeta>(value, path, {
    epoch: ['epoch', parseEpochJson],
    srcProxyAddress: ['src_proxy_address', parseAddressJson],
    srcNodeAddress: ['src_node_address', parseAddressJson],
    dstProxyAddress: ['dst_proxy_address', parseAddressJson],
    dstNodeAddress: ['dst_node_address', parseAddressJson],
  });
}
