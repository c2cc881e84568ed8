import { Buffer } from 'node:buffer';
import type { ValueCodec } from '../core/compression.ts';

/** RFC 8878, section 3.1.1: the first bytes of every frame. */
const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** The level of undermoon 0.6.2. */
const LEVEL = 1;
/** ZSTD_error_dstSize_tooSmall. */
const TOO_SMALL = /-70$/;
/** How much room a value without a stated length gets at first, for each byte of its frame. */
const ROOM_RATIO = 8;
const ROOM_MIN = 4096;

// The package has one instance for each thread, and its memory is another one after each `init`: two at the
// same time leave values of zeros.
let loading: Promise<Zstd> | null = null;

/** What the package offers. */
interface Zstd {
  compress(value: Uint8Array, level?: number): Uint8Array;
  decompress(frame: Uint8Array, options?: { defaultHeapSize?: number }): Uint8Array;
}

/**
 * Zstandard frames, one for each value, as undermoon 0.6.2 stores and reads them. The package is loaded when
 * this is called, since most clusters do not compress. Node.js 20 has no Zstandard of its own, and that of
 * later versions takes several times as long for small values.
 */
export async function loadZstdCodec(): Promise<ValueCodec> {
  loading ??= load();
  try {
    const zstd = await loading;
    return {
      encode: (value) => zstd.compress(value, LEVEL),
      decode: (stored, bytesMax) => decode(zstd, stored, bytesMax),
    };
  } catch (error) {
    loading = null;
    throw error;
  }
}

async function load(): Promise<Zstd> {
  const zstd = await import('@bokuweb/zstd-wasm');
  await zstd.init();
  const probe = Buffer.from('a value that is stored and read again');
  if (!probe.equals(zstd.decompress(zstd.compress(probe, LEVEL)))) {
    throw new Error('the Zstandard module does not give back what it was given');
  }
  return zstd;
}

function decode(zstd: Zstd, stored: Uint8Array, bytesMax: number): Uint8Array | string {
  if (!MAGIC.every((byte, i) => stored[i] === byte)) return stored;
  const claimed = contentSize(stored);
  if (claimed > bytesMax) return `it is longer than ${bytesMax} bytes (output_bytes_max)`;
  let room = Math.max(ROOM_MIN, stored.length * ROOM_RATIO);
  for (;;) {
    try {
      const value = zstd.decompress(stored, { defaultHeapSize: Math.min(room, bytesMax) });
      if (value.length <= bytesMax) return value;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (!TOO_SMALL.test(text)) return 'it is no complete Zstandard frame';
      // Several frames in a row have more content than the first one claims: none were ever stored.
      if (claimed >= 0) return 'it is more than one Zstandard frame';
    }
    if (room >= bytesMax) return `it is longer than ${bytesMax} bytes (output_bytes_max)`;
    room *= 4;
  }
}

/** Frame_Content_Size (RFC 8878, section 3.1.1.1.4); -1: the frame does not state it. */
function contentSize(frame: Uint8Array): number {
  const descriptor = frame[MAGIC.length] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  if (sizeFlag === 0 && !isSingleSegment) return -1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const start = MAGIC.length + 1 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  const length = 1 << sizeFlag;
  let size = length === 2 ? 256 : 0;
  for (let i = 0; i < length; i++) size += (frame[start + i] ?? 0) * 2 ** (8 * i);
  return size;
}
