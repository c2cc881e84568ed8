// How slots are moved when the masters of a cluster change.
//
// Every master that keeps any slot gets one, and the rest in proportion to the weights, rounded so that no
// master is a slot or more away from its share. Of all ways to round, one is taken that lets the most slots stay:
// the slots that are left over by rounding down go first to masters that have more than that already. So the
// number of moved slots is the smallest one for the weights:
//
//   moved = sum of max(0, owned - floor) - min(left over, masters with owned > floor)      (equal weights)
//
// A master gives or takes, never both, and givers and takers are paired in order: at most givers + takers - 1 moves.

import {
  countSlots,
  normalizeRanges,
  SLOT_COUNT,
  type SlotRange,
  type SlotRanges,
} from '@undermoon/slots';

/** Slots that go from one master to another. Master `2c + p` is part p of chunk c. */
export interface SlotMove {
  readonly source: number;
  readonly destination: number;
  readonly ranges: SlotRanges;
}

/** Which slots of a master go first: its lowest or its highest. */
export type CutEnd = 'low' | 'high';

/**
 * The number of slots that each master is to have. Weights are whole numbers; a master of weight 0 is to have
 * none. Throws a `RangeError` when no master, or more masters than there are slots, have a weight.
 */
export function slotQuotas(owned: readonly number[], weights: readonly number[]): number[] {
  const masterCount = weights.filter((weight) => weight > 0).length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (masterCount === 0 || masterCount > SLOT_COUNT) {
    throw new RangeError(`${SLOT_COUNT} slots cannot be dealt to ${masterCount} masters`);
  }
  const shared = SLOT_COUNT - masterCount;
  const quotas = weights.map((weight) =>
    weight === 0 ? 0 : 1 + Math.floor((shared * weight) / total),
  );
  const leftOver = SLOT_COUNT - quotas.reduce((sum, quota) => sum + quota, 0);
  const keepsOne = (master: number): number =>
    (owned[master] ?? 0) > (quotas[master] ?? 0) ? 1 : 0;
  const remainder = (master: number): number => (shared * (weights[master] ?? 0)) % total;
  const favoured = weights
    .map((_, master) => master)
    .filter((master) => remainder(master) > 0)
    .toSorted(
      (left, right) =>
        keepsOne(right) - keepsOne(left) || remainder(right) - remainder(left) || left - right,
    )
    .slice(0, leftOver);
  for (const master of favoured) quotas[master] = (quotas[master] ?? 0) + 1;
  return quotas;
}

/** The moves that give every master as many slots as its quota; `owned` and `quotas` hold as many in all. */
export function planMoves(
  owned: readonly SlotRanges[],
  quotas: readonly number[],
  cutEnd: CutEnd,
): SlotMove[] {
  const moves: SlotMove[] = [];
  const lacking = owned.map((ranges, master) => (quotas[master] ?? 0) - countSlots(ranges));
  let destination = nextLacking(lacking, 0);
  for (const [source, ranges] of owned.entries()) {
    let surplus = -(lacking[source] ?? 0);
    let rest = ranges;
    while (surplus > 0 && destination < lacking.length) {
      const lack = lacking[destination] ?? 0;
      const count = Math.min(surplus, lack);
      const cut = cutSlots(rest, count, cutEnd);
      moves.push({ source, destination, ranges: cut.taken });
      rest = cut.rest;
      surplus -= count;
      lacking[destination] = lack - count;
      if (lack === count) destination = nextLacking(lacking, destination + 1);
    }
  }
  return moves;
}

/** The slots in all that moves carry. */
export function countMoved(moves: readonly SlotMove[]): number {
  return moves.reduce((sum, move) => sum + countSlots(move.ranges), 0);
}

function nextLacking(lacking: readonly number[], from: number): number {
  let master = from;
  while (master < lacking.length && (lacking[master] ?? 0) <= 0) master++;
  return master;
}

/** Takes `count` slots off one end of a set that has at least as many. */
function cutSlots(
  ranges: SlotRanges,
  count: number,
  end: CutEnd,
): { readonly taken: SlotRanges; readonly rest: SlotRanges } {
  const rest = [...ranges];
  const taken: SlotRange[] = [];
  for (let left = count; left > 0;) {
    const range = end === 'low' ? rest.shift() : rest.pop();
    if (range === undefined) throw new Error('more slots are to be taken than there are');
    const [start, last] = range;
    const length = last - start + 1;
    if (length <= left) {
      taken.push(range);
      left -= length;
    } else if (end === 'low') {
      taken.push([start, start + left - 1]);
      rest.unshift([start + left, last]);
      left = 0;
    } else {
      taken.push([last - left + 1, last]);
      rest.push([start, last - left]);
      left = 0;
    }
  }
  return { taken: normalizeRanges(taken) ?? [], rest };
}
