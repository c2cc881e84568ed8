import type { RequestScanner } from '@undermoon/resp';
import { concernsValues } from '../core/compression.ts';
import { findKeys, isArityOk, slotOfKeys } from '../core/command-keys.ts';
import { hasFlag, isForwarded, isScript, lookupCommand } from '../core/command-lookup.ts';
import { COMMAND_FLAG, COMMAND_ID } from '../core/command-table.generated.ts';
import { scriptWrites } from '../core/script-flags.ts';
import { DETOUR } from '../core/session.ts';
import type { Client, Span } from './proxy-context.ts';

// Cold path: READONLY and READWRITE.
/** READONLY, READWRITE and RESET: from the next command on. */
export function setReadonly(client: Client, isReadonly: boolean): void {
  const { session, context } = client;
  // A plain port has no such mode.
  if (context.isPlain) return;
  session.isReadonly = isReadonly;
  if (isReadonly) session.detours |= DETOUR.READONLY;
  else session.detours &= ~DETOUR.READONLY;
  client.context = context.contextOf(session);
}

/** The fast path of a client in READONLY mode: the server of a command's keys; negative for everything else. */
export function readonlyTarget(client: Client, scanner: RequestScanner, bytes: Buffer): number {
  if (client.session.detours !== DETOUR.READONLY) return -1;
  const id = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
  if (id < 0 || !isArityOk(id, scanner.argc) || !isForwarded(id) || isScript(id)) return -1;
  const { keys, slots, owners, compression } = client.context;
  if (compression !== null && concernsValues(id)) return -1;
  if (findKeys(id, bytes, scanner, keys) <= 0) return -1;
  const slot = slotOfKeys(bytes, scanner, keys);
  if (slot < 0) return -1;
  const target = slots[slot]!;
  return target >= owners.localNodes.length && hasFlag(id, COMMAND_FLAG.WRITE) ? -1 : target;
}

/**
 * Whether a command is for the master of its keys, whatever the mode of the client: a write, or a script that may
 * write by its own words. Of a function nobody here knows whether it writes.
 */
export function needsMaster(
  { context }: Client,
  scanner: RequestScanner,
  { bytes }: Span,
  id: number,
): boolean {
  if (context.groups.length === context.owners.localNodes.length) return true;
  if (hasFlag(id, COMMAND_FLAG.WRITE)) return true;
  switch (id) {
    case COMMAND_ID.FCALL:
      return true;
    case COMMAND_ID.EVAL:
      return scriptWrites(bytes, scanner.argStart[1]!, scanner.argEnd[1]!);
    case COMMAND_ID.EVALSHA: {
      const digest = bytes.toString('latin1', scanner.argStart[1], scanner.argEnd[1]).toLowerCase();
      const body = context.scripts.bodyOf(digest);
      return body !== null && scriptWrites(body, 0, body.length);
    }
    default:
      return false;
  }
}
