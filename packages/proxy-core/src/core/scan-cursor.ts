import { SLOT_UNCOVERED } from './routing-table.ts';

/**
 * A SCAN cursor over several servers: the server's own cursor, and a slot that tells which server it is for.
 * Servers are scanned in the order of their lowest slots, so a cursor stays good when others come or go.
 *
 * ```text
 *   bit 63 … 14: cursor of the server       bit 13 … 0: its lowest slot when its scan began
 * ```
 */
export interface ScanCursor {
  readonly inner: bigint;
  readonly slot: number;
}

const SLOT_BITS = 14n;
const SLOT_MASK = (1n << SLOT_BITS) - 1n;
const CURSOR_MAX = (1n << 64n) - 1n;

/** Reads a client's cursor; null when it is none. */
export function parseCursor(text: string): ScanCursor | null {
  if (!/^\d{1,20}$/.test(text)) return null;
  const value = BigInt(text);
  if (value > CURSOR_MAX) return null;
  return { inner: value >> SLOT_BITS, slot: Number(value & SLOT_MASK) };
}

/** The cursor to give to a client. */
export function cursorText({ inner, slot }: ScanCursor): string {
  return String((inner << SLOT_BITS) | BigInt(slot));
}

/**
 * The lowest slot from `slot` on whose owner is among the servers (0 and above) and has none below it; null when
 * there is none.
 */
export function nextScanSlot(slots: Int16Array, slot: number): number | null {
  const seen = new Set<number>();
  for (let i = 0; i < slots.length; i++) {
    const target = slots[i] ?? SLOT_UNCOVERED;
    if (target < 0 || seen.has(target)) continue;
    if (i >= slot) return i;
    seen.add(target);
  }
  return null;
}
