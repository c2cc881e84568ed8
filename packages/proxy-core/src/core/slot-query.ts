import type { Buffer } from 'node:buffer';
import { SLOT_COUNT } from '@undermoon/slots';
import { integerOf } from './command-argument.ts';

/** How CLUSTER SLOT-STATS ORDERBY wants the slots. */
export interface SlotOrder {
  readonly isDescending: boolean;
  readonly limit: number;
}

/** What is asked about the keys of slots. */
export type SlotQuery =
  | { readonly kind: 'count'; readonly slot: number }
  | { readonly kind: 'keys'; readonly slot: number; readonly keysMax: number }
  /** Of each slot from `start` to `end`; in that order if `order` is null. */
  | {
      readonly kind: 'stats';
      readonly start: number;
      readonly end: number;
      readonly order: SlotOrder | null;
    };

/** A query, or the text of the error reply. */
export type ParsedSlotQuery = SlotQuery | string;

const NOT_INTEGER = 'ERR value is not an integer or out of range';
const BAD_SLOT = 'ERR Invalid or out of range slot';
const BAD_LIMIT = 'ERR Limit has to lie in between 1 and 16384 (maximum number of slots).';
const SYNTAX = 'ERR syntax error';

/** Reads CLUSTER COUNTKEYSINSLOT, with the checks of Redis. `args` from the slot on. */
export function parseCount([slotArgument]: readonly Buffer[]): ParsedSlotQuery {
  const slot = integerAt(slotArgument);
  if (Number.isNaN(slot)) return NOT_INTEGER;
  return isSlot(slot) ? { kind: 'count', slot } : 'ERR Invalid slot';
}

/** CLUSTER GETKEYSINSLOT. */
export function parseKeys([slotArgument, countArgument]: readonly Buffer[]): ParsedSlotQuery {
  const slot = integerAt(slotArgument);
  const keysMax = integerAt(countArgument);
  if (Number.isNaN(slot) || Number.isNaN(keysMax)) return NOT_INTEGER;
  if (!isSlot(slot) || keysMax < 0) return 'ERR Invalid slot or number of keys';
  return { kind: 'keys', slot, keysMax };
}

/** CLUSTER SLOT-STATS, as Redis 8.2 and Valkey 8 read it; null: these are not its arguments. */
export function parseStats(args: readonly Buffer[]): ParsedSlotQuery | null {
  const kind = wordOf(args[0]);
  if (kind === 'slotsrange' && args.length === 3) return parseRange(args[1], args[2]);
  return kind === 'orderby' && args.length >= 2 ? parseOrder(args.slice(1)) : null;
}

function parseRange(first: Buffer | undefined, last: Buffer | undefined): ParsedSlotQuery {
  const start = integerAt(first);
  const end = integerAt(last);
  if (!isSlot(start) || !isSlot(end)) return BAD_SLOT;
  if (start > end) return `ERR Start slot number ${start} is greater than end slot number ${end}`;
  return { kind: 'stats', start, end, order: null };
}

function parseOrder([metric, ...filters]: readonly Buffer[]): ParsedSlotQuery {
  if (wordOf(metric) !== 'key-count') return 'ERR Unrecognized sort metric for ORDERBY.';
  const seen: string[] = [];
  let isDescending = true;
  let limit = SLOT_COUNT;
  for (let i = 0; i < filters.length; i++) {
    const word = wordOf(filters[i]);
    if (word === 'limit' && i + 1 < filters.length) {
      i += 1;
      limit = integerAt(filters[i]);
      if (!(limit >= 1 && limit <= SLOT_COUNT)) return BAD_LIMIT;
    } else if (word === 'asc' || word === 'desc') isDescending = word === 'desc';
    else return SYNTAX;
    const filter = word === 'limit' ? 'limit' : 'order';
    if (seen.includes(filter)) return 'ERR Multiple filters of the same type are disallowed.';
    seen.push(filter);
  }
  return { kind: 'stats', start: 0, end: SLOT_COUNT - 1, order: { isDescending, limit } };
}

function isSlot(value: number): boolean {
  return value >= 0 && value < SLOT_COUNT;
}

function integerAt(argument: Buffer | undefined): number {
  return argument === undefined ? Number.NaN : integerOf(argument);
}

function wordOf(argument: Buffer | undefined): string {
  return String(argument).toLowerCase();
}
