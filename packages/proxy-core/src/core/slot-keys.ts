import { Buffer } from 'node:buffer';
import { keySlot, SLOT_COUNT } from '@undermoon/slots';
import type { SlotMarks } from './held-slots.ts';

const ARRAY = 0x2a;
const BULK = 0x24;
const ZERO = 0x30;
const LINE_END_BYTES = 2;
/** What keeping a key costs beside its bytes. */
const KEY_BYTES = 64;

/** What is to be found by a scan over the keys of servers. */
export interface SlotKeysPlan {
  /** Slots whose keys are wanted. */
  readonly wanted: SlotMarks;
  /** No more keys than this are wanted. */
  readonly keysMax: number;
  /** Memory that the found keys may take. */
  readonly bytesMax: number;
}

/** What one page of SCAN came to: the next cursor, or why there is none. */
export type ScanStep = { readonly cursor: string } | 'done' | 'too-large' | 'malformed';

/**
 * The keys of some slots, gathered from the pages of SCAN. A key that SCAN returns twice, which it may when a
 * server makes its table larger or smaller meanwhile, counts once.
 */
export class SlotKeys {
  /** Keys found, by slot. */
  readonly counts: Uint32Array = new Uint32Array(SLOT_COUNT);
  readonly #plan: SlotKeysPlan;
  /** One character per byte. */
  readonly #keys = new Set<string>();
  #bytes = 0;

  constructor(plan: SlotKeysPlan) {
    this.#plan = plan;
  }

  /** The keys found. */
  keys(): Buffer[] {
    return Array.from(this.#keys, (key) => Buffer.from(key, 'latin1'));
  }

  /** Takes a page: `*2`, the cursor, and the keys. */
  take(page: Buffer): ScanStep {
    const { wanted, keysMax, bytesMax } = this.#plan;
    const lines = new BulkReader(page);
    if (lines.count(ARRAY) !== 2 || !lines.next()) return 'malformed';
    const cursor = page.toString('latin1', lines.start, lines.end);
    const count = lines.count(ARRAY);
    if (count < 0) return 'malformed';
    for (let i = 0; i < count; i++) {
      if (!lines.next()) return 'malformed';
      const { start, end } = lines;
      const slot = keySlot(page, start, end);
      if (wanted[slot] === 0 || this.#keys.size >= keysMax) continue;
      if (!this.#add(page.toString('latin1', start, end), slot)) continue;
      if (this.#bytes > bytesMax) return 'too-large';
    }
    return cursor === '0' || this.#keys.size >= keysMax ? 'done' : { cursor };
  }

  #add(key: string, slot: number): boolean {
    const before = this.#keys.size;
    this.#keys.add(key);
    if (this.#keys.size === before) return false;
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    this.#bytes += key.length + KEY_BYTES;
    return true;
  }
}

/** Reads lengths and bulk strings of a whole reply, one after the other. */
class BulkReader {
  start = 0;
  end = 0;
  readonly #bytes: Buffer;
  #pos = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The number in a line that begins with `marker`; -1 if it does not. */
  count(marker: number): number {
    if (this.#bytes[this.#pos] !== marker) return -1;
    let value = 0;
    let pos = this.#pos + 1;
    for (; ; pos++) {
      const digit = (this.#bytes[pos] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (pos === this.#pos + 1) return -1;
    this.#pos = pos + LINE_END_BYTES;
    return value;
  }

  next(): boolean {
    const length = this.count(BULK);
    this.start = this.#pos;
    this.end = this.#pos + length;
    this.#pos = this.end + LINE_END_BYTES;
    return length >= 0 && this.#pos <= this.#bytes.length;
  }
}
