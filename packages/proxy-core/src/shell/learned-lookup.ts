import type { RequestScanner } from '@undermoon/resp';
import { SLOT_NONE, slotOfKeys } from '../core/command-keys.ts';
import { isForwarded } from '../core/command-lookup.ts';
import { findLearnedKeys, KEYS_UNKNOWN, type LearnedCommand } from '../core/learned-command.ts';
import type { Client, ProxyContext } from './proxy-context.ts';

/** What a command is learned as; null: the proxy knows it itself. */
export function learnedName(
  scanner: RequestScanner,
  bytes: Buffer,
  container: number,
): string | null {
  // Of a container that the proxy knows, subcommands are of interest if others are forwarded.
  if (container >= 0 && !isForwarded(container)) return null;
  const own = wordOf(scanner, bytes, 0);
  return container >= 0 ? `${own}|${wordOf(scanner, bytes, 1)}` : own;
}

/** What is known about a command of this name. Null: no server knows it. Undefined: a server has to be asked. */
export function knownCommand(
  { learned, loop }: ProxyContext,
  name: string,
  scanner: RequestScanner,
  bytes: Buffer,
): LearnedCommand | null | undefined {
  const found = learned.find(name, loop.nowMs);
  return found && subcommandOf(found, scanner, bytes);
}

/** Whether a command is not known only because the proxy is in no cluster and has no server to ask. */
export function isUnservedName(
  { context, session }: Client,
  scanner: RequestScanner,
  bytes: Buffer,
  container: number,
): boolean {
  if (context.table.clusterName !== null || !session.isAuthenticated) return false;
  const name = learnedName(scanner, bytes, container);
  return name !== null && context.learned.find(name, context.loop.nowMs) === undefined;
}

/** The slot of a learned command's keys; negative: it has none, or the servers would have to be asked. */
export function learnedSlot(
  context: ProxyContext,
  scanner: RequestScanner,
  bytes: Buffer,
  container: number,
): number {
  const name = learnedName(scanner, bytes, container);
  const command = name === null ? null : knownCommand(context, name, scanner, bytes);
  if (command === null || command === undefined) return SLOT_NONE;
  const { keys } = context;
  const isKnown = findLearnedKeys(command, bytes, scanner, keys) !== KEYS_UNKNOWN;
  return isKnown ? slotOfKeys(bytes, scanner, keys) : SLOT_NONE;
}

function subcommandOf(
  command: LearnedCommand,
  scanner: RequestScanner,
  bytes: Buffer,
): LearnedCommand {
  if (command.subcommands.size === 0 || scanner.argc < 2) return command;
  return command.subcommands.get(wordOf(scanner, bytes, 1)) ?? command;
}

function wordOf(scanner: RequestScanner, bytes: Buffer, index: number): string {
  return bytes.toString('latin1', scanner.argStart[index], scanner.argEnd[index]).toLowerCase();
}
