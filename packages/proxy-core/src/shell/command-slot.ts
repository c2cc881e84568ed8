import { locateKeys, SLOT_NONE, slotOfKeys } from '../core/command-keys.ts';
import { lookupCommand, resolveSubcommand } from '../core/command-lookup.ts';
import { learnedSlot } from './learned-lookup.ts';
import type { ProxyContext } from './proxy-context.ts';

/** The slot of the keys of a command that was kept; negative: it has none, or it is not known without asking a server. */
export function commandSlot(context: ProxyContext, command: Buffer): number {
  const { keys, loop } = context;
  const { scanner } = loop;
  scanner.scan(command, 0, command.length);
  const container = lookupCommand(command, scanner.argStart[0] ?? 0, scanner.argEnd[0] ?? 0);
  const id = resolveSubcommand(container, command, scanner);
  if (id < 0) return learnedSlot(context, scanner, command, container);
  return locateKeys(id, command, scanner, keys) > 0
    ? slotOfKeys(command, scanner, keys)
    : SLOT_NONE;
}
