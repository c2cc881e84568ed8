import { movedReply, REPLY_SLOT_DOWN } from '../core/replies.ts';
import { peerIndexOf, SLOT_UNCOVERED } from '../core/routing-table.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { ProxyContext } from './proxy-context.ts';

/**
 * Why keys of a slot are not served here: a redirection, or that nobody serves them. Null: they are. A command that
 * `needsMaster` is not served from a copy.
 */
export function slotRefusal(
  context: ProxyContext,
  slot: number,
  needsMaster: boolean,
): Buffer | null {
  return refusalBy(needsMaster ? context.owners : context.table, context, slot);
}

function refusalBy(
  table: RoutingTable,
  { options, isPlain }: ProxyContext,
  slot: number,
): Buffer | null {
  const owner = table.slots[slot] ?? SLOT_UNCOVERED;
  if (owner >= 0) return null;
  if (!isPlain && table.clusterName === null && options.defaultRedirectionAddress !== null) {
    return movedReply(slot, Buffer.from(` ${options.defaultRedirectionAddress}\r\n`));
  }
  const peer = owner === SLOT_UNCOVERED ? undefined : table.peers[peerIndexOf(owner)];
  return peer === undefined ? REPLY_SLOT_DOWN : movedReply(slot, peer.movedSuffix);
}
