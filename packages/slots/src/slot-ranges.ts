import { parseSlotId, SLOT_COUNT } from './slot-id.ts';

/** Consecutive slots, both ends included. */
export type SlotRange = readonly [start: number, end: number];

/**
 * A set of slots in normal form: each start is at most its end, ranges are sorted by start, and
 * overlapping and adjacent ranges are merged. Two sets hold the same slots exactly if their normal forms
 * are equal. The functions below take and give normal forms; what they return for anything else is
 * unspecified, so foreign ranges go through `normalizeRanges` first.
 */
export type SlotRanges = readonly SlotRange[];

/** From here on, counting per slot is cheaper than sorting. */
const COUNTED_LENGTH_MIN = 1024;

/**
 * Brings ranges into normal form. An end before its start is swapped. Returns null when an end is not
 * a slot, and the argument itself when it is in normal form already.
 */
export function normalizeRanges(ranges: readonly SlotRange[]): SlotRanges | null {
  if (isNormal(ranges)) return ranges;
  const ordered: SlotRange[] = [];
  for (const [a, b] of ranges) {
    if (parseSlotId(a) === null || parseSlotId(b) === null) return null;
    ordered.push(a <= b ? [a, b] : [b, a]);
  }
  return ordered.length > COUNTED_LENGTH_MIN ? mergeManyRanges(ordered) : mergeRanges(ordered);
}

/** The number of slots in a set. */
export function countSlots(ranges: SlotRanges): number {
  let count = 0;
  for (const [start, end] of ranges) count += end - start + 1;
  return count;
}

/** The slots that are in either set. */
export function unionRanges(left: SlotRanges, right: SlotRanges): SlotRanges {
  return mergeRanges([...left, ...right]);
}

/** The slots of `left` that are not in `right`. Linear in the number of ranges. */
export function subtractRanges(left: SlotRanges, right: SlotRanges): SlotRanges {
  const rest: SlotRange[] = [];
  let next = 0;
  for (const [start, end] of left) {
    let from = start;
    for (let cut = right[next]; cut !== undefined && cut[0] <= end; cut = right[++next]) {
      if (cut[0] > from) rest.push([from, cut[0] - 1]);
      from = Math.max(from, cut[1] + 1);
      // A cut that reaches past this range may reach into the following one: it is not done yet.
      if (cut[1] > end) break;
    }
    if (from <= end) rest.push([from, end]);
  }
  return rest;
}

/** The slots that are in both sets. Linear in the number of ranges. */
export function intersectRanges(left: SlotRanges, right: SlotRanges): SlotRanges {
  return subtractRanges(left, subtractRanges(left, right));
}

/** Whether two sets hold the same slots. */
export function equalRanges(left: SlotRanges, right: SlotRanges): boolean {
  return (
    left.length === right.length &&
    left.every(([start, end], i) => start === right[i]?.[0] && end === right[i]?.[1])
  );
}

/** Whether the set holds the slot. Logarithmic in the number of ranges. */
export function hasSlot(ranges: SlotRanges, slot: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && range[1] < slot) low = middle + 1;
    else high = middle;
  }
  const candidate = ranges[low];
  return candidate !== undefined && candidate[0] <= slot && slot <= candidate[1];
}

function isNormal(ranges: readonly SlotRange[]): boolean {
  let last = -2;
  for (const [start, end] of ranges) {
    if (start <= last + 1 || end < start) return false;
    if (parseSlotId(start) === null || parseSlotId(end) === null) return false;
    last = end;
  }
  return true;
}

/** Sorts and merges. Sorts in place: `ranges` belongs to this function. */
function mergeRanges(ranges: SlotRange[]): SlotRanges {
  ranges.sort((left, right) => left[0] - right[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last[1] + 1) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** The same by counting how many ranges cover each slot: linear, in whatever order they are. */
function mergeManyRanges(ranges: readonly SlotRange[]): SlotRanges {
  const changes = new Int32Array(SLOT_COUNT + 1);
  for (const [start, end] of ranges) {
    changes[start] = (changes[start] ?? 0) + 1;
    changes[end + 1] = (changes[end + 1] ?? 0) - 1;
  }
  const merged: SlotRange[] = [];
  let cover = 0;
  let from = -1;
  for (let slot = 0; slot <= SLOT_COUNT; slot++) {
    cover += changes[slot] ?? 0;
    if (cover > 0 && from < 0) from = slot;
    else if (cover === 0 && from >= 0) {
      merged.push([from, slot - 1]);
      from = -1;
    }
  }
  return merged;
}
