import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const gzipAsync = promisify(gzip);

// Below this a compressed document is hardly smaller than a network packet either way.
const GZIP_BYTES_MIN = 1024;

/** JSON bytes of one answer, and their compressed form once somebody asked for it. */
export class JsonDocument {
  readonly json: Buffer;
  #compressed: Promise<Buffer> | null = null;
  #tag: string | null = null;

  constructor(value: unknown) {
    this.json = Buffer.from(JSON.stringify(value));
  }

  /** Names this content, whether compressed or not. */
  get tag(): string {
    this.#tag ??= `W/"${createHash('sha1').update(this.json).digest('base64url')}"`;
    return this.#tag;
  }

  /** Null when compression is not worth it. */
  compressed(): Promise<Buffer> | null {
    if (this.json.length < GZIP_BYTES_MIN) return null;
    this.#compressed ??= gzipAsync(this.json, { level: constants.Z_BEST_SPEED });
    return this.#compressed;
  }
}
