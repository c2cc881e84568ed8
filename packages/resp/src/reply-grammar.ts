/*
 * Tables shared by the reply readers: what each type byte announces, and an automaton for the lines
 * that hold a number, a boolean or a null. Sharing them is what makes the readers agree.
 */

export const CR = 13;
export const LF = 10;

/** Kinds of element. The order matters: from BULK on, a length comes first. */
export const UNKNOWN = 0;
export const TEXT_LINE = 1;
export const NUMBER_LINE = 2;
const BULK = 3;
export const VERBATIM = 4;
export const SEQUENCE = 5;
export const MAP = 6;
export const ATTRIBUTE = 7;

export const KINDS: Uint8Array = new Uint8Array(256);
for (const [types, kind] of [
  ['+-', TEXT_LINE],
  [':,(#_', NUMBER_LINE],
  ['$!', BULK],
  ['=', VERBATIM],
  ['*~>', SEQUENCE],
  ['%', MAP],
  ['|', ATTRIBUTE],
] as const) {
  for (const type of types) KINDS[type.charCodeAt(0)] = kind;
}

/** Kind of the element that begins with this byte. */
export function kindOf(type: number): number {
  return KINDS[type] ?? UNKNOWN;
}

/** Whether elements of this kind are followed by others that belong to them. */
export function isAggregate(kind: number): boolean {
  return kind >= SEQUENCE;
}

/** Length of "txt:", the format in front of a verbatim string, and its last byte. */
export const VERBATIM_PREFIX = 4;
export const COLON = 58;

/** Only these two have a null form, `$-1` and `*-1`. */
export function hasNullForm(type: number): boolean {
  return type === 36 || type === 42;
}

/*
 * Automaton for number lines, state by state. State 0 is the refusal.
 *
 *   integer, big number   [+-]? digit+
 *   double                [+-]? digit+ ("." digit+)? ([eE] [+-]? digit+)?  |  [+-]? "inf"  |  "-"? "nan"
 *   boolean               [tf]
 *   null                  (empty)
 */
const RULES: readonly (readonly [from: string, bytes: string, to: string])[] = [
  ['integer', '+-', 'integer-sign'],
  ['integer', '0-9', 'integer-end'],
  ['integer-sign', '0-9', 'integer-end'],
  ['integer-end', '0-9', 'integer-end'],
  ['boolean', 'tf', 'empty-end'],
  ['double', '+', 'double-plus'],
  ['double', '-', 'double-minus'],
  ['double', '0-9', 'whole-end'],
  ['double', 'i', 'inf-1'],
  ['double', 'n', 'nan-1'],
  ['double-plus', '0-9', 'whole-end'],
  ['double-plus', 'i', 'inf-1'],
  ['double-minus', '0-9', 'whole-end'],
  ['double-minus', 'i', 'inf-1'],
  ['double-minus', 'n', 'nan-1'],
  ['whole-end', '0-9', 'whole-end'],
  ['whole-end', '.', 'point'],
  ['whole-end', 'eE', 'exponent'],
  ['point', '0-9', 'fraction-end'],
  ['fraction-end', '0-9', 'fraction-end'],
  ['fraction-end', 'eE', 'exponent'],
  ['exponent', '+-', 'exponent-sign'],
  ['exponent', '0-9', 'exponent-end'],
  ['exponent-sign', '0-9', 'exponent-end'],
  ['exponent-end', '0-9', 'exponent-end'],
  ['inf-1', 'n', 'inf-2'],
  ['inf-2', 'f', 'empty-end'],
  ['nan-1', 'a', 'nan-2'],
  ['nan-2', 'n', 'empty-end'],
];

const stateNames = Array.from(
  new Set(['refused'].concat(RULES.flatMap(([from, , to]) => [from, to]))),
);

/** `NUMBER_STEPS[state << 8 | byte]` is the next state, 0 when the byte cannot follow. */
export const NUMBER_STEPS: Uint8Array = new Uint8Array(stateNames.length << 8);
for (const [from, bytes, to] of RULES) {
  for (const byte of bytes === '0-9' ? '0123456789' : bytes) {
    NUMBER_STEPS[(stateNames.indexOf(from) << 8) | byte.charCodeAt(0)] = stateNames.indexOf(to);
  }
}

/** 1 for the states in which the line may end. */
export const NUMBER_ENDS: Uint8Array = Uint8Array.from(stateNames, (name) =>
  name.endsWith('-end') ? 1 : 0,
);

/** State in which the line after each type byte begins. */
export const NUMBER_STARTS: Uint8Array = new Uint8Array(256);
for (const [type, state] of [
  [':', 'integer'],
  ['(', 'integer'],
  [',', 'double'],
  ['#', 'boolean'],
  ['_', 'empty-end'],
] as const) {
  NUMBER_STARTS[type.charCodeAt(0)] = stateNames.indexOf(state);
}

const INTEGER_TYPE = 58;
/** A sign and the 20 digits of the largest unsigned 64-bit number. */
const INTEGER_BYTES_MAX = 21;
/** Redis prints doubles in up to 5 KiB; longer numbers would only cost time to convert. */
const NUMBER_BYTES_MAX = 8192;

/** Longest content of a number line of this type. */
export function numberBytesMax(type: number): number {
  return type === INTEGER_TYPE ? INTEGER_BYTES_MAX : NUMBER_BYTES_MAX;
}
