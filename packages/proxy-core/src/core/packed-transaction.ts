import { Buffer } from 'node:buffer';
import type { RequestScanner } from '@undermoon/resp';

/** Words of UMCTL TRANSACTION in front of the commands. */
const PACKED_FROM = 2;

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ZERO = 48;
/** Around a command: "$1073741824\r\n" at most, and "\r\n". */
const FRAME_BYTES_MAX = 15;
/** A call costs more for shorter ones. */
const COPIED_BY_BYTE_MAX = 64;

/**
 * UMCTL TRANSACTION with these commands, which are back to back in `body`; `ends` are the offsets of their ends. There
 * may be 100,000 of them, and all are sent in one turn of the loop: nothing is allocated for each.
 */
export function packTransaction(body: Buffer, ends: readonly number[]): Buffer {
  const head = `*${ends.length + PACKED_FROM}\r\n$5\r\nUMCTL\r\n$11\r\nTRANSACTION\r\n`;
  const packed = Buffer.allocUnsafe(head.length + body.length + ends.length * FRAME_BYTES_MAX);
  let at = packed.write(head, 'latin1');
  let start = 0;
  for (const end of ends) {
    at = writeLength(packed, at, end - start);
    if (end - start > COPIED_BY_BYTE_MAX) at += body.copy(packed, at, start, end);
    else for (let i = start; i < end; i++) packed[at++] = body[i] ?? 0;
    packed[at++] = CR;
    packed[at++] = LF;
    start = end;
  }
  return packed.subarray(0, at);
}

/** Returns the offset behind "$length\r\n". */
function writeLength(bytes: Buffer, at: number, length: number): number {
  let digits = 1;
  for (let rest = length; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  bytes[at] = DOLLAR;
  for (let i = at + digits, rest = length; i > at; i--, rest = Math.floor(rest / 10)) {
    bytes[i] = ZERO + (rest % 10);
  }
  bytes[at + digits + 1] = CR;
  bytes[at + digits + 2] = LF;
  return at + digits + 3;
}

/** A command in a buffer. */
interface Framed {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** One command within a UMCTL TRANSACTION. */
export interface PackedCommand extends Framed {
  /** Counted from 1. */
  readonly number: number;
}

/** The commands of a UMCTL TRANSACTION. What is in them was not looked at. */
export class PackedCommands {
  readonly count: number;
  /** All of it. */
  readonly frame: Framed;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** By how much the frame begins earlier than when it was scanned. */
  readonly #moved: number;

  /** Those of `frame`, which was scanned last. `isKept`: it is copied, to be looked at in later turns. */
  constructor({ argc, argStart, argEnd }: RequestScanner, frame: Framed, isKept: boolean) {
    this.count = argc - PACKED_FROM;
    // Looking at one of them overwrites what the scanner knows.
    this.#starts = argStart.slice(PACKED_FROM, argc);
    this.#ends = argEnd.slice(PACKED_FROM, argc);
    this.#moved = isKept ? frame.start : 0;
    this.frame = isKept ? copyOf(frame) : frame;
  }

  /** Counted from 0. */
  at(index: number): PackedCommand {
    const start = (this.#starts[index] ?? 0) - this.#moved;
    const end = (this.#ends[index] ?? 0) - this.#moved;
    return { bytes: this.frame.bytes, start, end, number: index + 1 };
  }
}

function copyOf({ bytes, start, end }: Framed): Framed {
  return { bytes: Buffer.from(bytes.subarray(start, end)), start: 0, end: end - start };
}

/** Whether it is one command with at least one word, and nothing more; the scanner then knows its words. */
export function isOneCommand(
  scanner: RequestScanner,
  { bytes, start, end }: PackedCommand,
): boolean {
  return scanner.scan(bytes, start, end) === end && scanner.argc > 0;
}
