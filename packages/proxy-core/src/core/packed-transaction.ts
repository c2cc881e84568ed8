import { Buffer } from 'node:buffer';
import { encodeCommand, type RequestScanner } from '@undermoon/resp';

/** Words of UMCTL TRANSACTION in front of the commands. */
const PACKED_FROM = 2;

/** UMCTL TRANSACTION with these commands, which are back to back in `body`; `ends` are the offsets of their ends. */
export function packTransaction(body: Buffer, ends: readonly number[]): Buffer {
  const commands = ends.map((end, i) => body.subarray(i === 0 ? 0 : ends[i - 1], end));
  return encodeCommand(['UMCTL', 'TRANSACTION', ...commands]);
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
