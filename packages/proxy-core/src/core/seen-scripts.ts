import type { Buffer } from 'node:buffer';

const PLACES = 64;

/**
 * The texts of scripts that were run last, so that a text that comes again is known without its digest being
 * computed. Each text has one place, which the next one with that place takes.
 */
export class SeenScripts {
  readonly #places: (Buffer | null)[] = Array.from({ length: PLACES }, () => null);

  /** Whether `bytes[start, end)` was added, and no other text took its place. */
  has(bytes: Buffer, start: number, end: number): boolean {
    const seen = this.#places[placeOf(bytes, start, end)] ?? null;
    if (seen === null || seen.length !== end - start) return false;
    return bytes.compare(seen, 0, seen.length, start, end) === 0;
  }

  /** The bytes are kept. */
  add(body: Buffer): void {
    this.#places[placeOf(body, 0, body.length)] = body;
  }

  clear(): void {
    this.#places.fill(null);
  }
}

/** From the length and some bytes: scripts of one program often begin and end alike. */
function placeOf(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  for (let i = 1; i < 8; i++) hash = (hash * 31 + (bytes[start + ((length * i) >> 3)] ?? 0)) | 0;
  return (hash ^ (hash >>> 8)) & (PLACES - 1);
}
