import { Buffer } from 'node:buffer';
import { gunzip, gunzipSync, gzipSync } from 'node:zlib';
import { accept } from '@undermoon/runtime';
import { quote } from '../quote.ts';
import { readJson } from '../json/json-reader.ts';
import { finishSlices, SliceMeter, type Slices } from '../slices.ts';
import { refuseWords, type WordsOutcome } from './word-cursor.ts';

const FAST_LEVEL = 1;
/** A piece of base64, and what it costs in items of a slice. */
const PIECE_CHARS = 65_536;
const PIECE_WEIGHT = 250;
/** The runtime inflates piece by piece; larger pieces are fewer round trips to its threads. */
const INFLATE_PIECE_BYTES = 262_144;

/** Standard base64, padded, of gzip of the value's JSON. */
export function compressJson(value: unknown): string {
  return gzipSync(JSON.stringify(value), { level: FAST_LEVEL }).toString('base64');
}

/**
 * Reads what `compressJson` wrote. Refuses a payload that inflates to more than `inflatedBytesMax`
 * bytes without inflating the rest of it.
 */
export function decompressJson(text: string, inflatedBytesMax: number): WordsOutcome<unknown> {
  const meter = new SliceMeter();
  const packed = finishSlices(decodeBase64(Buffer.from(text), inflatedBytesMax, meter));
  if (!packed.ok) return packed;
  const inflated = inflate(packed.value, inflatedBytesMax);
  return inflated.ok ? finishSlices(readJson(inflated.value, meter)) : inflated;
}

/** The bytes of standard base64 with its padding and nothing else. */
export function* decodeBase64(
  text: Uint8Array,
  inflatedBytesMax: number,
  meter: SliceMeter,
): Slices<WordsOutcome<Buffer>> {
  if (text.length > inflatedBytesMax * 2) {
    return refuseWords(`payload: ${text.length} characters of base64, over the limit`);
  }
  const chars = Buffer.from(text.buffer, text.byteOffset, text.length);
  const packed = Buffer.allocUnsafeSlow(Math.ceil(text.length / 4) * 3);
  let length = 0;
  for (let at = 0; at < chars.length; at += PIECE_CHARS) {
    const piece = chars.toString('latin1', at, at + PIECE_CHARS);
    const from = length;
    length += packed.write(piece, length, 'base64');
    // Node's decoder skips what it does not know; only the canonical text gives itself back.
    const isLast = at + PIECE_CHARS >= chars.length;
    const isWhole = isLast || length - from === (PIECE_CHARS / 4) * 3;
    if (!isWhole || packed.toString('base64', from, length) !== piece) {
      return refuseWords(`payload ${quote(chars.toString())}: not padded standard base64`);
    }
    if (meter.isFullAfter(PIECE_WEIGHT)) yield;
  }
  if (length === 0) return refuseWords(`payload ${quote('')}: not padded standard base64`);
  return accept(packed.subarray(0, length));
}

/** Inflates at once. */
export function inflate(packed: Uint8Array, inflatedBytesMax: number): WordsOutcome<Buffer> {
  try {
    return accept(gunzipSync(packed, { maxOutputLength: inflatedBytesMax }));
  } catch (error) {
    return refuseInflating(error, inflatedBytesMax);
  }
}

/** Inflates on another thread. */
export function inflateLater(
  packed: Uint8Array,
  inflatedBytesMax: number,
): Promise<WordsOutcome<Buffer>> {
  return new Promise((resolve) => {
    const options = { maxOutputLength: inflatedBytesMax, chunkSize: INFLATE_PIECE_BYTES };
    gunzip(packed, options, (error, inflated) => {
      resolve(error === null ? accept(inflated) : refuseInflating(error, inflatedBytesMax));
    });
  });
}

function refuseInflating(error: unknown, inflatedBytesMax: number): WordsOutcome<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return refuseWords(`payload: inflates to more than ${inflatedBytesMax} bytes`);
  }
  if (code.startsWith('Z_')) return refuseWords(`payload: not gzip (${code})`);
  throw error;
}
