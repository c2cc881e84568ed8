import type { RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { REPLY_OK } from '../core/replies.ts';
import type { Client, Span } from './proxy-context.ts';

/** How a proxy asks another one to be told where keys are: see `takeRedirectRequest`. */
export const REDIRECT_COMMAND: readonly string[] = ['UMCTL', 'REDIRECT'];

/**
 * UMCTL REDIRECT: from now on commands for other proxies are answered with MOVED, whatever this proxy does for clients.
 * Else two proxies with active redirection, each of which takes the other for the owner of a slot, would send
 * commands back and forth over the same two connections, and replies would wait for those behind them. False: the
 * command is not that.
 */
export function takeRedirectRequest(
  client: Client,
  scanner: RequestScanner,
  { bytes }: Span,
): boolean {
  if (scanner.argc !== 2 || !argumentIs('REDIRECT', bytes, scanner, 1)) return false;
  client.session.isRedirected = true;
  client.context = client.context.contextOf(client.session);
  client.reply(REPLY_OK);
  return true;
}
