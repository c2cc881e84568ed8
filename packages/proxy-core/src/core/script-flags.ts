import { Buffer } from 'node:buffer';

const HASH = 0x23;
const BANG = 0x21;
const LINE_END = 0x0a;
/** Longer first lines are not looked at. */
const SHEBANG_BYTES_MAX = 1024;

/**
 * Whether a script, `bytes[start, end)`, says by its first line that it may write: `#!lua` without the flag
 * `no-writes`. One without such a line says nothing, and Redis lets a replica run it until it writes.
 */
export function scriptWrites(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== HASH || bytes[start + 1] !== BANG) return false;
  const lineEnd = bytes.indexOf(LINE_END, start);
  const last = Math.min(lineEnd < 0 || lineEnd > end ? end : lineEnd, start + SHEBANG_BYTES_MAX);
  const line = Buffer.from(bytes.buffer, bytes.byteOffset + start, last - start).toString('latin1');
  const flags = /\sflags=(\S*)/.exec(line)?.[1] ?? '';
  return !flags.split(',').includes('no-writes');
}
