import type { Buffer } from 'node:buffer';
import { encodeCommand, type RequestScanner } from '@undermoon/resp';

/** Words of UMCTL TRANSACTION in front of the commands. */
const PACKED_FROM = 2;

/** UMCTL TRANSACTION with these commands, which are back to back in `body`; `ends` are the offsets of their ends. */
export function packTransaction(body: Buffer, ends: readonly number[]): Buffer {
  const commands = ends.map((end, i) => body.subarray(i === 0 ? 0 : ends[i - 1], end));
  return encodeCommand(['UMCTL', 'TRANSACTION', ...commands]);
}

/** One command within a UMCTL TRANSACTION. */
export interface PackedCommand {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Counted from 1. */
  readonly number: number;
}

/** The commands of a UMCTL TRANSACTION, which was scanned last. What is in them was not looked at. */
export function packedCommands(
  { argc, argStart, argEnd }: RequestScanner,
  bytes: Buffer,
): PackedCommand[] {
  const commands: PackedCommand[] = [];
  for (let i = PACKED_FROM; i < argc; i++) {
    const number = i - PACKED_FROM + 1;
    commands.push({ bytes, start: argStart[i] ?? 0, end: argEnd[i] ?? 0, number });
  }
  return commands;
}

/** Whether it is one command with at least one word, and nothing more; the scanner then knows its words. */
export function isOneCommand(
  scanner: RequestScanner,
  { bytes, start, end }: PackedCommand,
): boolean {
  return scanner.scan(bytes, start, end) === end && scanner.argc > 0;
}
