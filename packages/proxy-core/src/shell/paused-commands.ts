import { hasFlag } from '../core/command-lookup.ts';
import { COMMAND_FLAG, COMMAND_ID } from '../core/command-table.generated.ts';
import { DETOUR } from '../core/session.ts';
import type { Client, Span } from './proxy-context.ts';

// What Redis marks as "may replicate": they can write although they are no writes.
const MAY_WRITE: ReadonlySet<number> = new Set([
  COMMAND_ID.EVAL,
  COMMAND_ID.EVALSHA,
  COMMAND_ID.FCALL,
  COMMAND_ID.PFCOUNT,
  COMMAND_ID.PUBLISH,
  COMMAND_ID.SPUBLISH,
]);
// How coordinators and peers see whether the proxy lives, and what they tell it.
const NEVER_HELD: ReadonlySet<number> = new Set([COMMAND_ID.PING, COMMAND_ID.UMCTL]);

/** Whether CLIENT PAUSE WRITE holds a command back. */
export function mayWrite(id: number): boolean {
  return hasFlag(id, COMMAND_FLAG.WRITE) || MAY_WRITE.has(id);
}

/** True: a pause is on, and `rerun` gets the command when it is over. */
export function holdIfPaused(
  client: Client,
  id: number,
  { bytes, start, end }: Span,
  rerun: (client: Client, command: Buffer) => void,
): boolean {
  if ((client.session.detours & DETOUR.PAUSE) === 0 || NEVER_HELD.has(id)) return false;
  const { transaction } = client.session;
  // A transaction that came in one piece is held as one.
  if (id !== COMMAND_ID.EXEC && transaction?.isWhole === true) return false;
  const isWrite = id === COMMAND_ID.EXEC ? transaction?.isWriting === true : mayWrite(id);
  const command = Buffer.from(bytes.subarray(start, end));
  return client.context.directory.holdIfPaused(client, isWrite, () => rerun(client, command));
}

/** Ends CLIENT REPLY SKIP once the command behind it has its reply. */
export function endSkipWhenQuiet(client: Client): void {
  client.whenQuiet(() => client.endSkip());
}
