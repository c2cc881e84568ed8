import { Buffer } from 'node:buffer';
import type { CompressionStrategy } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { argumentIs } from './command-argument.ts';
import type { CommandFrame } from './command-lookup.ts';
import { COMMAND_ID, COMMAND_NAMES } from './command-table.generated.ts';
import { elementsOf } from './fan-out.ts';
import { errorReply } from './replies.ts';

/** Turns values into what servers store, and back. */
export interface ValueCodec {
  /** The stored form. The result is the caller's. */
  encode(value: Uint8Array): Uint8Array;
  /**
   * The value of a stored form, `stored` itself if it is none (a value from before compression was on), or why
   * there is no value, as text. `bytesMax`: how long a value may be.
   */
  decode(stored: Uint8Array, bytesMax: number): Uint8Array | string;
}

/** What a loop knows about compression while its cluster compresses. */
export interface Compression {
  readonly strategy: Exclude<CompressionStrategy, 'disabled'>;
  /** Null: it is still being loaded, or cannot be. */
  readonly codec: ValueCodec | null;
  /** Why it cannot be loaded. */
  readonly failure: string | null;
}

/** Which arguments of a command are whole string values, and whether its reply holds some. */
export interface ValueUse {
  /** The first argument that is a value, and the distance to the next; 0: none. */
  readonly first: number;
  readonly step: number;
  readonly isRead: boolean;
  /** Of the commands that look into a value or change a part of it. */
  readonly isPartial: boolean;
}

const READ: ValueUse = { first: 0, step: 0, isRead: true, isPartial: false };
const PARTIAL: ValueUse = { first: 0, step: 0, isRead: false, isPartial: true };

const USES: ReadonlyMap<number, ValueUse> = new Map<number, ValueUse>([
  [COMMAND_ID.GET, READ],
  [COMMAND_ID.MGET, READ],
  [COMMAND_ID.GETDEL, READ],
  [COMMAND_ID.GETEX, READ],
  [COMMAND_ID.GETSET, { ...READ, first: 2 }],
  [COMMAND_ID.SET, write(2)],
  [COMMAND_ID.SETNX, write(2)],
  [COMMAND_ID.SETEX, write(3)],
  [COMMAND_ID.PSETEX, write(3)],
  [COMMAND_ID.MSET, write(2, 2)],
  [COMMAND_ID.MSETNX, write(2, 2)],
  ...[
    COMMAND_ID.APPEND,
    COMMAND_ID.BITCOUNT,
    COMMAND_ID.BITFIELD,
    COMMAND_ID.BITFIELD_RO,
    COMMAND_ID.BITOP,
    COMMAND_ID.BITPOS,
    COMMAND_ID.DECR,
    COMMAND_ID.DECRBY,
    COMMAND_ID.GETBIT,
    COMMAND_ID.GETRANGE,
    COMMAND_ID.INCR,
    COMMAND_ID.INCRBY,
    COMMAND_ID.INCRBYFLOAT,
    COMMAND_ID.LCS,
    COMMAND_ID.SETBIT,
    COMMAND_ID.SETRANGE,
    COMMAND_ID.STRLEN,
    COMMAND_ID.SUBSTR,
  ].map((id): [number, ValueUse] => [id, PARTIAL]),
]);

const HAS_USE: Uint8Array = Uint8Array.from(COMMAND_NAMES, (_, id) => (USES.has(id) ? 1 : 0));

const ARRAY_MARKER = 0x2a;
const BULK_MARKER = 0x24;
const ERROR_MARKER = 0x2d;
const MINUS = 0x2d;
const LINE_END = 0x0a;
const CRLF = Buffer.from('\r\n');

function write(first: number, step: number = Number.POSITIVE_INFINITY): ValueUse {
  return { first, step, isRead: false, isPartial: false };
}

/** Whether compression concerns a command at all. */
export function concernsValues(id: number): boolean {
  return HAS_USE[id] === 1;
}

/** Whether a command looks into a value or changes a part of it. */
export function isOnParts(id: number): boolean {
  return USES.get(id)?.isPartial === true;
}

/** What a command does with string values; null: nothing that compression would have to know. */
export function valueUseOf(id: number, bytes: Uint8Array, frame: CommandFrame): ValueUse | null {
  const use = USES.get(id) ?? null;
  if (id !== COMMAND_ID.SET || use === null) return use;
  for (let i = 3; i < frame.argc; i++) {
    if (argumentIs('GET', bytes, frame, i)) return { ...use, isRead: true };
  }
  return use;
}

/** The command with its values in stored form. */
export function encodeValues(
  bytes: Uint8Array,
  frame: CommandFrame,
  { first, step }: ValueUse,
  codec: ValueCodec,
): Buffer {
  const words: Uint8Array[] = [];
  let next = first;
  for (let i = 0; i < frame.argc; i++) {
    const word = bytes.subarray(frame.argStart[i], frame.argEnd[i]);
    words.push(i === next && i > 0 ? codec.encode(word) : word);
    if (i === next) next += step;
  }
  return encodeCommand(words);
}

/** A reply with the values in it, alone or in a list, turned back. An error if one cannot be. */
export function decodeReply(reply: Buffer, codec: ValueCodec, bytesMax: number): Buffer {
  if (reply[0] === BULK_MARKER) return decodeBulk(reply, codec, bytesMax);
  if (reply[0] !== ARRAY_MARKER) return reply;
  const elements: Buffer[] = [];
  let left = bytesMax;
  for (const element of elementsOf(reply)) {
    const decoded = element[0] === BULK_MARKER ? decodeBulk(element, codec, left) : element;
    if (decoded[0] === ERROR_MARKER) return decoded;
    left = Math.max(0, left - decoded.length);
    elements.push(decoded);
  }
  return Buffer.concat([reply.subarray(0, reply.indexOf(LINE_END) + 1), ...elements]);
}

function decodeBulk(reply: Buffer, codec: ValueCodec, bytesMax: number): Buffer {
  if (reply[1] === MINUS) return reply;
  const start = reply.indexOf(LINE_END) + 1;
  const value = codec.decode(reply.subarray(start, reply.length - CRLF.length), bytesMax);
  if (typeof value === 'string')
    return errorReply(`ERR the value cannot be decompressed: ${value}`);
  return Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, CRLF]);
}
