import { commandName, isFannedOut } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import type { Client } from './proxy-context.ts';
import { isForServers } from './script-commands.ts';

/**
 * Whether a command is for servers that no key names, and waits: while any slot is held, the servers may be about
 * to be others. The client goes on when none is.
 */
export function waitsForServers(client: Client, id: number, container: number): boolean {
  const { slots, table } = client.context;
  if (slots === table.slots || !isServerWide(id, container)) return false;
  client.context.park(client);
  return true;
}

function isServerWide(id: number, container: number): boolean {
  const isSetting = id === COMMAND_ID.CONFIG_GET || id === COMMAND_ID.CONFIG_SET;
  return isFannedOut(id) || isSetting || isForServers(commandName(container));
}
