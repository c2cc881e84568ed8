import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, crc32, gzip } from 'node:zlib';

const gzipAsync = promisify(gzip);

// Below this a compressed document is hardly smaller than a network packet either way.
const DEFLATE_BYTES_MIN = 1024;

/** JSON bytes of one answer, and their gzip form once somebody asked for it. */
export class JsonDocument {
  readonly json: Buffer;
  #compressed: Buffer | Promise<Buffer> | null = null;
  #tag: string | null = null;

  constructor(value: unknown) {
    this.json = Buffer.from(JSON.stringify(value));
  }

  /** Names this content, whether compressed or not. */
  get tag(): string {
    this.#tag ??= `W/"${createHash('sha1').update(this.json).digest('base64url')}"`;
    return this.#tag;
  }

  /** However small: what is compressed for a client follows from its request, not from the content. */
  compressed(): Buffer | Promise<Buffer> {
    this.#compressed ??=
      this.json.length < DEFLATE_BYTES_MIN
        ? storedGzip(this.json)
        : gzipAsync(this.json, { level: constants.Z_BEST_SPEED });
    return this.#compressed;
  }
}

// Magic, method, no flags, no time, no extra flags, unknown system (RFC 1952).
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const LAST_STORED_BLOCK = 1;

/** Gzip of a few bytes as they are, in one block: a hundredth of the time that zlib takes to begin. */
function storedGzip(bytes: Buffer): Buffer {
  const { length } = bytes;
  const block = Buffer.alloc(5);
  block.writeUInt8(LAST_STORED_BLOCK, 0);
  block.writeUInt16LE(length, 1);
  block.writeUInt16LE(length ^ 0xffff, 3);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(length, 4);
  return Buffer.concat([GZIP_HEAD, block, bytes, trailer]);
}
