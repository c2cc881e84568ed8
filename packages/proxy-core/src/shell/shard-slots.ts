import type { RequestScanner } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import { SLOT_NONE, SLOTS_DIFFER } from '../core/command-keys.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { REPLY_TRANSACTION_APART } from '../core/replies.ts';
import { SLOT_HELD, SLOT_UNCOVERED } from '../core/routing-table.ts';
import type { Client, ProxyContext } from './proxy-context.ts';

/** Whether a command's keys may be in all slots of one server: on the plain port, in a transaction or to be watched. */
export function isForShard({ context, session }: Client, id: number): boolean {
  if (session.transaction !== null) return session.transaction.scope === 'shard';
  return context.isPlain && id === COMMAND_ID.WATCH;
}

/** The slots of the keys that were found last. */
export function slotsOfKeys(
  { keys }: ProxyContext,
  { argStart, argEnd }: RequestScanner,
  bytes: Buffer,
): ReadonlySet<number> {
  const slots = new Set<number>();
  for (let i = 0; i < keys.count; i++) {
    const argument = keys.indexes[i] ?? 0;
    slots.add(keySlot(bytes, argStart[argument] ?? 0, argEnd[argument] ?? 0));
  }
  return slots;
}

/** One of a command's slots, if one server or another proxy has all of them; else SLOTS_DIFFER. */
export function slotOfShard(
  { context, session }: Client,
  id: number,
  slots: ReadonlySet<number>,
): number {
  const [first = SLOT_NONE] = slots;
  // Wherever its keys are, it is refused.
  const isRefused = id === COMMAND_ID.WATCH && session.transaction !== null;
  return isRefused || areTogether(context, slots) ? first : SLOTS_DIFFER;
}

/** Whether one server or another proxy has all of these slots. */
export function areTogether({ table }: ProxyContext, slots: Iterable<number>): boolean {
  let target: number | undefined;
  for (const slot of slots) {
    target ??= table.slots[slot];
    if (table.slots[slot] !== target) return false;
  }
  return true;
}

/** Whether a command for any of these slots has to wait. */
export function isAnyHeld({ slots, table }: ProxyContext, asked: Iterable<number>): boolean {
  if (slots === table.slots) return false;
  for (const slot of asked) if (slots[slot] === SLOT_HELD) return true;
  return false;
}

/** The same for the slots of the keys that were found last. */
export function areKeysHeld(
  context: ProxyContext,
  scanner: RequestScanner,
  bytes: Buffer,
): boolean {
  if (context.slots === context.table.slots) return false;
  return isAnyHeld(context, slotsOfKeys(context, scanner, bytes));
}

/**
 * Why keys of `slot` cannot be part of a transaction that is for one server, or be watched with those that are: they
 * are at another one. Null: they can. Clients of the cluster port hear it from EXEC, as Redis Cluster says it.
 */
export function shardRefusal(client: Client, id: number, slot: number): Buffer | null {
  const { context, session, watching } = client;
  // WATCH in a transaction is refused anyway.
  const isRefused = id === COMMAND_ID.WATCH && session.transaction !== null;
  if (isRefused || !isForShard(client, id)) return null;
  const { slots } = context.table;
  const target = slots[slot] ?? SLOT_UNCOVERED;
  const queued = session.transaction?.slot ?? SLOT_NONE;
  const isElsewhere = queued !== SLOT_NONE && slots[queued] !== target;
  const isWatching = watching !== null && !watching.isBroken;
  const isUnwatched = isWatching && context.groups[target]?.address !== watching.address;
  return isElsewhere || isUnwatched ? REPLY_TRANSACTION_APART : null;
}
