import { commandName, isFannedOut } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import type { Client } from './proxy-context.ts';
import { isForServers } from './script-commands.ts';
import { isAnyHeld } from './shard-slots.ts';

// While slots are held there is about to be another table. Clients that wait go on when it is there.

/** Whether a command waits because some of its slots are held. Negative: no slot. */
export function waitsForSlots(client: Client, slots: Iterable<number>): boolean {
  if (!isAnyHeld(client.context, slots)) return false;
  client.context.park(client);
  return true;
}

/** The same for one slot. */
export function waitsForSlot(client: Client, slot: number): boolean {
  return waitsForSlots(client, [slot]);
}

/** Whether a command that no slot decides on waits because any slot is held: the servers may be about to be others. */
export function waitsForTable(client: Client): boolean {
  const { slots, table } = client.context;
  if (slots === table.slots) return false;
  client.context.park(client);
  return true;
}

/** The same for a command that may be for servers which no key names. */
export function waitsForServers(client: Client, id: number, container: number): boolean {
  return isServerWide(id, container) && waitsForTable(client);
}

function isServerWide(id: number, container: number): boolean {
  const isSetting = id === COMMAND_ID.CONFIG_GET || id === COMMAND_ID.CONFIG_SET;
  return isFannedOut(id) || isSetting || isForServers(commandName(container));
}
