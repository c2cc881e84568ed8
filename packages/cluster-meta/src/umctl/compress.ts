import { gunzipSync, gzipSync } from 'node:zlib';
import { accept } from '@undermoon/runtime';
import { quote } from '../quote.ts';
import { refuseWords, type WordsOutcome } from './word-cursor.ts';

const FAST_LEVEL = 1;

/** Standard base64, padded, of gzip of the value's JSON. */
export function compressJson(value: unknown): string {
  return gzipSync(JSON.stringify(value), { level: FAST_LEVEL }).toString('base64');
}

/**
 * Reads what `compressJson` wrote. Refuses a payload that inflates to more than `inflatedBytesMax`
 * bytes without inflating the rest of it.
 */
export function decompressJson(text: string, inflatedBytesMax: number): WordsOutcome<unknown> {
  if (text.length > inflatedBytesMax * 2) {
    return refuseWords(`payload: ${text.length} characters of base64, over the limit`);
  }
  const packed = Buffer.from(text, 'base64');
  // Node's decoder skips what it does not know; only the canonical text gives itself back.
  if (packed.length === 0 || packed.toString('base64') !== text) {
    return refuseWords(`payload ${quote(text)}: not padded standard base64`);
  }
  const inflated = inflate(packed, inflatedBytesMax);
  return inflated.ok ? parseJson(inflated.value) : inflated;
}

function inflate(packed: Buffer, inflatedBytesMax: number): WordsOutcome<Buffer> {
  try {
    return accept(gunzipSync(packed, { maxOutputLength: inflatedBytesMax }));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      return refuseWords(`payload: inflates to more than ${inflatedBytesMax} bytes`);
    }
    if (code.startsWith('Z_')) return refuseWords(`payload: not gzip (${code})`);
    throw error;
  }
}

function parseJson(bytes: Buffer): WordsOutcome<unknown> {
  try {
    return accept(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (error) {
    // SyntaxError: not JSON. TypeError: not UTF-8.
    if (error instanceof SyntaxError || error instanceof TypeError) {
      return refuseWords('payload: not JSON in UTF-8');
    }
    throw error;
  }
}
