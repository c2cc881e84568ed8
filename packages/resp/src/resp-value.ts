/** Key and value pairs, in the order they were sent; keys may be of any type and may repeat. */
export type RespPairs = readonly (readonly [RespValue, RespValue])[];

interface Attributed {
  /** Attributes that the server sent in front of this value. */
  readonly attributes?: RespPairs;
}

/** A status line, `+`. */
export interface SimpleValue extends Attributed {
  readonly type: 'simple';
  readonly value: string;
}

/** An error line or a bulk error. */
export interface ErrorValue extends Attributed {
  readonly type: 'error';
  readonly value: string;
}

/** A `:` line. */
export interface IntegerValue extends Attributed {
  readonly type: 'integer';
  /** A bigint only where a number would not be exact. */
  readonly value: number | bigint;
}

/** A bulk string, `$`. */
export interface BulkValue extends Attributed {
  readonly type: 'bulk';
  readonly value: Buffer;
}

/** `$-1`, `*-1` and `_`. */
export interface NullValue extends Attributed {
  readonly type: 'null';
}

/** An array, a set or a push message, with its elements in the order they were sent. */
export interface SequenceValue extends Attributed {
  readonly type: 'array' | 'set' | 'push';
  readonly items: readonly RespValue[];
}

/** A map, `%`; in RESP2 servers send an array instead. */
export interface MapValue extends Attributed {
  readonly type: 'map';
  readonly entries: RespPairs;
}

/** A `,` line; may be infinite or NaN. */
export interface DoubleValue extends Attributed {
  readonly type: 'double';
  readonly value: number;
}

/** A `#` line. */
export interface BooleanValue extends Attributed {
  readonly type: 'boolean';
  readonly value: boolean;
}

/** A `(` line. */
export interface BigNumberValue extends Attributed {
  readonly type: 'bignumber';
  readonly value: bigint;
}

/** A bulk string with a format, `=`. */
export interface VerbatimValue extends Attributed {
  readonly type: 'verbatim';
  /** Three characters, such as `txt` or `mkd`. */
  readonly format: string;
  readonly value: Buffer;
}

/** One decoded reply of RESP2 or RESP3, told apart by `type`. It owns all its bytes. */
export type RespValue =
  | SimpleValue
  | ErrorValue
  | IntegerValue
  | BulkValue
  | NullValue
  | SequenceValue
  | MapValue
  | DoubleValue
  | BooleanValue
  | BigNumberValue
  | VerbatimValue;

/** The text of a simple, bulk, verbatim or integer value, read as UTF-8; null for all others. */
export function textOf(value: RespValue): string | null {
  switch (value.type) {
    case 'simple':
      return value.value;
    case 'bulk':
    case 'verbatim':
      return value.value.toString();
    case 'integer':
      return String(value.value);
    default:
      return null;
  }
}
