/** A version of the metadata: a whole number at least 0, and at most `Number.MAX_SAFE_INTEGER`. */
export type Epoch = number & { readonly __brand: 'Epoch' };

/** The epoch before any metadata. */
export const EPOCH_ZERO: Epoch = 0 as Epoch; // oxlint-disable-line typescript/no-unsafe-type-assertion -- needs no parser

/** Returns the epoch, or null when `value` is not one. Larger numbers are refused, never rounded. */
export function parseEpoch(value: unknown): Epoch | null {
  if (typeof value === 'string') return /^\d{1,16}$/.test(value) ? parseEpoch(Number(value)) : null;
  return isEpoch(value) ? value : null;
}

/** The next higher epoch. Throws a `RangeError` at the end of the safe integers. */
export function nextEpoch(epoch: Epoch): Epoch {
  const next = parseEpoch(epoch + 1);
  if (next === null) throw new RangeError('epoch past the safe integers');
  return next;
}

function isEpoch(value: unknown): value is Epoch {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
