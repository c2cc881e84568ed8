import { LF, VERBATIM_PREFIX } from './reply-grammar.ts';
import type { RespValue } from './resp-value.ts';

/**
 * Decodes the whole, well-formed element at `at` that is not an aggregate; `next` is the offset
 * after it. The value shares no bytes with the buffer.
 */
export function decodeLeaf(buf: Buffer, at: number, next: number): RespValue {
  const lineEnd = next - 2;
  switch (buf[at]) {
    case 36: // $
      return isNull(buf, at) ? { type: 'null' } : { type: 'bulk', value: payload(buf, at, next) };
    case 43: // +
      return { type: 'simple', value: buf.toString('utf8', at + 1, lineEnd) };
    case 58: // :
      return { type: 'integer', value: integer(buf.toString('latin1', at + 1, lineEnd)) };
    case 45: // -
      return { type: 'error', value: buf.toString('utf8', at + 1, lineEnd) };
    case 33: // !
      return { type: 'error', value: payload(buf, at, next).toString() };
    case 44: // ,
      return { type: 'double', value: double(buf.toString('latin1', at + 1, lineEnd)) };
    case 35: // #
      return { type: 'boolean', value: buf[at + 1] === 116 };
    case 40: // (
      return { type: 'bignumber', value: BigInt(buf.toString('latin1', at + 1, lineEnd)) };
    case 61: // =
      return verbatim(payload(buf, at, next));
    default:
      // `_`, and `*-1`, which the caller takes for a leaf.
      return { type: 'null' };
  }
}

/** In `$-1` and `*-1` a minus follows the type. */
export function isNull(buf: Uint8Array, at: number): boolean {
  return buf[at + 1] === 45;
}

function payload(buf: Buffer, at: number, next: number): Buffer {
  return Buffer.from(buf.subarray(buf.indexOf(LF, at) + 1, next - 2));
}

function integer(text: string): number | bigint {
  const value = Number(text);
  // Adding 0 turns -0, which `:-0` would give, into 0.
  return Number.isSafeInteger(value) ? value + 0 : BigInt(text);
}

function double(text: string): number {
  const magnitude = text.replace(/^[+-]/, '');
  if (magnitude === 'nan') return NaN;
  if (magnitude === 'inf') return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

function verbatim(bytes: Buffer): RespValue {
  const format = bytes.toString('latin1', 0, VERBATIM_PREFIX - 1);
  return { type: 'verbatim', format, value: bytes.subarray(VERBATIM_PREFIX) };
}
