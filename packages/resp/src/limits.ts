/** Bounds on what a peer may claim. All are inclusive; a value past one is refused, never cut down. */
export interface RespLimits {
  /** Longest bulk string (also verbatim string, bulk error, simple line) in bytes. */
  readonly bulkBytesMax: number;
  /**
   * Most elements of one aggregate, keys and values counted each; for decoded values, of all
   * aggregates of one reply together.
   */
  readonly arrayLengthMax: number;
  /** Most aggregates open inside each other in a decoded value. */
  readonly nestingDepthMax: number;
  /** Longest inline command line, and longest header line of a request, in bytes. */
  readonly inlineBytesMax: number;
}

/**
 * Lengths stay below this in every reader, so that ten times a length fits 32-bit arithmetic, which
 * the engine would otherwise leave for floating point after one hostile header.
 */
export const LENGTH_CEILING = 2_147_483_639;

/** The limits of Redis, and the defaults for requests and for decoded values. */
export const DEFAULT_RESP_LIMITS: Readonly<RespLimits> = {
  bulkBytesMax: 512 * 1024 * 1024,
  arrayLengthMax: 1024 * 1024,
  nestingDepthMax: 128,
  inlineBytesMax: 64 * 1024,
};

/**
 * Defaults where replies are passed through and not kept: a server may well answer with more than
 * 1024 * 1024 elements, and since nothing is stored only the arithmetic needs a bound.
 */
export const PASS_THROUGH_LIMITS: Readonly<RespLimits> = {
  ...DEFAULT_RESP_LIMITS,
  bulkBytesMax: LENGTH_CEILING,
  arrayLengthMax: LENGTH_CEILING,
};

/** Fills in the defaults. Throws a RangeError that names the field when a limit makes no sense. */
export function resolveLimits(
  limits: Partial<RespLimits> | undefined,
  defaults: Readonly<RespLimits>,
): RespLimits {
  const from = limits ?? {};
  return {
    bulkBytesMax: checked('bulkBytesMax', from.bulkBytesMax ?? defaults.bulkBytesMax),
    arrayLengthMax: checked('arrayLengthMax', from.arrayLengthMax ?? defaults.arrayLengthMax),
    nestingDepthMax: checked('nestingDepthMax', from.nestingDepthMax ?? defaults.nestingDepthMax),
    inlineBytesMax: checked('inlineBytesMax', from.inlineBytesMax ?? defaults.inlineBytesMax),
  };
}

function checked(field: keyof RespLimits, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= LENGTH_CEILING) return value;
  throw new RangeError(`${field} must be an integer from 1 to ${LENGTH_CEILING}, not ${value}`);
}
