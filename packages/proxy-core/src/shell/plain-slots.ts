import { SLOT_NONE } from '../core/command-keys.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { REPLY_TRANSACTION_APART } from '../core/replies.ts';
import type { Client } from './proxy-context.ts';

/**
 * Why a plain client's command for keys of `slot` cannot be part of its transaction, which is for one slot. That two
 * slots are on one server is no help: it would depend on the size of the cluster. Null: it can, or there is no
 * transaction. Clients of the cluster port hear it from EXEC, as Redis Cluster says it.
 */
export function plainRefusal(
  { context, session, watching }: Client,
  id: number,
  slot: number,
): Buffer | null {
  const { transaction } = session;
  // WATCH is refused anyway.
  if (!context.isPlain || transaction === null || id === COMMAND_ID.WATCH) return null;
  const isElsewhere = transaction.slot !== SLOT_NONE && transaction.slot !== slot;
  const isUnwatched = watching !== null && !watching.slots.has(slot);
  return isElsewhere || isUnwatched ? REPLY_TRANSACTION_APART : null;
}
