import { SLOT_NONE, SLOTS_DIFFER } from '../core/command-keys.ts';
import { commandName, isDedicated } from '../core/command-lookup.ts';
import {
  errorReply,
  REPLY_CROSSSLOT,
  REPLY_KEYS_APART,
  REPLY_SLOT_DOWN,
  REPLY_TRANSACTION_APART,
} from '../core/replies.ts';
import type { Client } from './proxy-context.ts';
import { isForShard, shardRefusal } from './shard-slots.ts';
import { slotRefusal } from './slot-refusal.ts';

/** What needs some server, whichever it is. */
export function serverRefusal({ context }: Client): Buffer | null {
  return context.servers.length > 0 ? null : REPLY_SLOT_DOWN;
}

/** Why a command with keys in `slot` is not for a server of this port. */
export function keysRefusal(
  client: Client,
  id: number,
  slot: number,
  isForMaster: boolean,
): Buffer | null {
  if (slot === SLOTS_DIFFER) {
    if (isForShard(client, id)) return REPLY_TRANSACTION_APART;
    return client.context.isPlain ? REPLY_KEYS_APART : REPLY_CROSSSLOT;
  }
  if (slot === SLOT_NONE) {
    if (isDedicated(id)) return null;
    return errorReply(`ERR '${commandName(id)}' without a key is not available through this proxy`);
  }
  return slotRefusal(client.context, slot, isForMaster) ?? shardRefusal(client, id, slot);
}
