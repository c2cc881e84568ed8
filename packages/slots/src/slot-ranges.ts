import { SLOT_COUNT } from './slot-id.ts';

/** Consecutive slots, both ends included. */
export type SlotRange = readonly [start: number, end: number];

/** A set of slots in normal form: sorted by start; overlapping and adjacent ranges are merged. */
export type SlotRanges = readonly SlotRange[];

/**
 * Brings ranges into normal form. An end before its start is swapped. Returns null when an end is not
 * a slot.
 */
export function normalizeRanges(ranges: readonly SlotRange[]): SlotRanges | null {
  const sorted: [number, number][] = [];
  for (const [a, b] of ranges) {
    if (!isSlot(a) || !isSlot(b)) return null;
    sorted.push(a <= b ? [a, b] : [b, a]);
  }
  sorted.sort((left, right) => left[0] - right[0]);
  const merged: [number, number][] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range[0] <= last[1] + 1) last[1] = Math.max(last[1], range[1]);
    else merged.push(range);
  }
  return merged;
}

/** The number of slots in a set. */
export function countSlots(ranges: SlotRanges): number {
  let count = 0;
  for (const [start, end] of ranges) count += end - start + 1;
  return count;
}

/** The slots that are in either set. */
export function unionRanges(left: SlotRanges, right: SlotRanges): SlotRanges {
  return normalizeRanges([...left, ...right]) ?? [];
}

/** The slots of `left` that are not in `right`. */
export function subtractRanges(left: SlotRanges, right: SlotRanges): SlotRanges {
  const rest: SlotRange[] = [];
  for (const [start, end] of left) {
    let from = start;
    for (const [cutStart, cutEnd] of right) {
      if (cutEnd < from || cutStart > end) continue;
      if (cutStart > from) rest.push([from, cutStart - 1]);
      from = cutEnd + 1;
    }
    if (from <= end) rest.push([from, end]);
  }
  return rest;
}

/** The slots that are in both sets. */
export function intersectRanges(left: SlotRanges, right: SlotRanges): SlotRanges {
  return subtractRanges(left, subtractRanges(left, right));
}

/** Whether two sets in normal form hold the same slots. */
export function equalRanges(left: SlotRanges, right: SlotRanges): boolean {
  return (
    left.length === right.length &&
    left.every(([start, end], i) => start === right[i]![0] && end === right[i]![1])
  );
}

/** Whether the set holds the slot. */
export function hasSlot(ranges: SlotRanges, slot: number): boolean {
  return ranges.some(([start, end]) => slot >= start && slot <= end);
}

function isSlot(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < SLOT_COUNT;
}
