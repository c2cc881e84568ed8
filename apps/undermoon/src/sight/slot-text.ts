import type { TaggedSlots } from '@undermoon/cluster-meta';

/** Slots as text, such as `0-8191 9000`. */
export function slotText(slots: readonly TaggedSlots[]): string {
  return slots
    .flatMap(({ ranges }) => ranges)
    .map(([start, end]) => (start === end ? `${start}` : `${start}-${end}`))
    .join(' ');
}

/** How many slots these are. */
export function slotCountOf(slots: readonly TaggedSlots[]): number {
  return slots
    .flatMap(({ ranges }) => ranges)
    .reduce((sum, [start, end]) => sum + end - start + 1, 0);
}
