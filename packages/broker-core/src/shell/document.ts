import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const gzipAsync = promisify(gzip);

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

  /** However small: what is compressed for a client follows from its request, not from the content. */
  compressed(): Promise<Buffer> {
    this.#compressed ??= gzipAsync(this.json, { level: constants.Z_BEST_SPEED });
    return this.#compressed;
  }
}
