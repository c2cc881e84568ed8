import { Buffer } from 'node:buffer';
import { argumentIs } from './command-argument.ts';
import { isArityOk } from './command-keys.ts';
import {
  type CommandFrame,
  hasFlag,
  lookupCommand,
  refusalOf,
  resolveSubcommand,
} from './command-lookup.ts';
import { COMMAND_FLAG, COMMAND_ID } from './command-table.generated.ts';
import { quotedText } from './quoted-text.ts';

const REDACTED = '"(redacted)"';

/** Whether MONITOR shows a command: none of administration, as in Redis, and none that is refused. */
export function isMonitored(bytes: Uint8Array, frame: CommandFrame, isLoggedIn: boolean): boolean {
  if (frame.argc === 0) return false;
  const container = lookupCommand(bytes, frame.argStart[0] ?? 0, frame.argEnd[0] ?? 0);
  const id = resolveSubcommand(container, bytes, frame);
  if (id < 0 || !isArityOk(id, frame.argc) || refusalOf(id) !== '') return false;
  if (!isLoggedIn && !hasFlag(id, COMMAND_FLAG.NO_AUTH)) return false;
  return !hasFlag(id, COMMAND_FLAG.ADMIN);
}

/** What a client that monitors gets for a command. Passwords and user names are left out. */
export function monitorLine(
  bytes: Uint8Array,
  frame: CommandFrame,
  from: { readonly atMs: number; readonly peer: string },
): Buffer {
  const id = lookupCommand(bytes, frame.argStart[0] ?? 0, frame.argEnd[0] ?? 0);
  const secretFrom = secretsOf(id, bytes, frame);
  const words: string[] = [];
  for (let i = 0; i < frame.argc; i++) {
    const isSecret = i >= secretFrom && i < secretFrom + 2;
    words.push(
      isSecret ? REDACTED : quotedText(bytes, frame.argStart[i] ?? 0, frame.argEnd[i] ?? 0),
    );
  }
  const seconds = Math.floor(from.atMs / 1000);
  const micros = Math.floor((from.atMs - seconds * 1000) * 1000);
  const time = `${seconds}.${String(micros).padStart(6, '0')}`;
  return Buffer.from(`+${time} [0 ${from.peer}] ${words.join(' ')}\r\n`, 'latin1');
}

/** From which argument on two are secret: those of AUTH, also within HELLO. */
function secretsOf(id: number, bytes: Uint8Array, frame: CommandFrame): number {
  if (id === COMMAND_ID.AUTH) return 1;
  if (id !== COMMAND_ID.HELLO) return frame.argc;
  for (let i = 2; i < frame.argc; i++) if (argumentIs('AUTH', bytes, frame, i)) return i + 1;
  return frame.argc;
}
