import { movedReply, REPLY_SLOT_DOWN } from '../core/replies.ts';
import { peerIndexOf, SLOT_UNCOVERED } from '../core/routing-table.ts';
import type { ProxyContext } from './proxy-context.ts';

/** Why keys of a slot are not served here: a redirection, or that nobody serves them. Null: they are. */
export function slotRefusal(
  { table, options, isPlain }: ProxyContext,
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
