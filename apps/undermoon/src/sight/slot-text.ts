import type { NodeAddress, TaggedSlots } from '@undermoon/cluster-meta';

/** One end of a move of slots that runs. */
export interface SlotMove {
  readonly slots: string;
  readonly slotCount: number;
  /** Whether they leave this server or arrive at it. */
  readonly direction: 'to' | 'from';
  /** The Redis server at the other end. */
  readonly node: NodeAddress;
}

/** Slots as text, such as `0-8191 9000`. */
export function slotText(slots: readonly TaggedSlots[]): string {
  return joined(slots)
    .map(([start, end]) => (start === end ? `${start}` : `${start}-${end}`))
    .join(' ');
}

/** How many slots these are. */
export function slotCountOf(slots: readonly TaggedSlots[]): number {
  return slots
    .flatMap(({ ranges }) => ranges)
    .reduce((sum, [start, end]) => sum + end - start + 1, 0);
}

/** The slots that a server owns. Those that arrive are owned by the server they come from until they are handed over. */
export function ownedSlots(slots: readonly TaggedSlots[]): readonly TaggedSlots[] {
  return slots.filter(({ tag }) => tag.kind !== 'importing');
}

/** The moves in which a server has a part. */
export function slotMoves(slots: readonly TaggedSlots[]): SlotMove[] {
  return slots.flatMap((some): SlotMove[] => {
    const { tag } = some;
    if (tag.kind === 'none') return [];
    const isLeaving = tag.kind === 'migrating';
    return [
      {
        slots: slotText([some]),
        slotCount: slotCountOf([some]),
        direction: isLeaving ? 'to' : 'from',
        node: isLeaving ? tag.meta.dstNodeAddress : tag.meta.srcNodeAddress,
      },
    ];
  });
}

/** What a server owns and what moves, such as `0-8191 (4096-8191 to 127.0.0.1:8005)`. */
export function slotsAndMovesText(slots: string, moves: readonly SlotMove[]): string {
  const parts = moves.map((move) => `(${move.slots} ${move.direction} ${move.node})`);
  return [slots, ...parts].filter((part) => part !== '').join(' ');
}

/** The ranges in order, those that touch as one. */
function joined(slots: readonly TaggedSlots[]): (readonly [number, number])[] {
  const result: (readonly [number, number])[] = [];
  const ranges = slots.flatMap((some) => [...some.ranges]).toSorted(([a], [b]) => a - b);
  for (const [start, end] of ranges) {
    const last = result.at(-1);
    if (last !== undefined && start === last[1] + 1) result[result.length - 1] = [last[0], end];
    else result.push([start, end]);
  }
  return result;
}
