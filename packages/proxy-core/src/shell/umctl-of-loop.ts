import type { RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { REPLY_NOAUTH } from '../core/replies.ts';
import { answerPeerScript } from './peer-scripts.ts';
import type { Client } from './proxy-context.ts';
import { umctlSlowLog } from './slow-log-commands.ts';

/** Whether a command is one of the UMCTL that are about what the loops of clients know, not about metadata. */
export function isUmctlOfLoop(id: number, scanner: RequestScanner, bytes: Buffer): boolean {
  if (id !== COMMAND_ID.UMCTL) return false;
  return argumentIs('SCRIPT', bytes, scanner, 1) || argumentIs('SLOWLOG', bytes, scanner, 1);
}

/** UMCTL SCRIPT and SLOWLOG. */
export function answerUmctl(client: Client, args: readonly Buffer[]): void {
  // The other UMCTL are open to everyone; what clients have sent is not.
  if (!client.session.isAuthenticated) client.reply(REPLY_NOAUTH);
  else if (String(args[1]).toUpperCase() === 'SCRIPT') answerPeerScript(client, args);
  else umctlSlowLog(client, args);
}
