import { encodeCommand } from '@undermoon/resp';
import { errorReply } from '../core/replies.ts';
import { peerAddressesOf } from '../core/routing-table.ts';
import { askLoops } from './ask-loops.ts';
import type { Client, ProxyContext } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';
import { forgetScriptsEverywhere } from './script-broadcast.ts';
import { flushScripts } from './script-commands.ts';
import { written } from './written.ts';

const FLUSH_PEER = encodeCommand(['UMCTL', 'SCRIPT', 'FLUSH']);
const INVALID = errorReply('ERR expected UMCTL SCRIPT GET <digest> or UMCTL SCRIPT FLUSH');

/** UMCTL SCRIPT GET digest: the script, or null. UMCTL SCRIPT FLUSH: as SCRIPT FLUSH, of this proxy alone. */
export function answerPeerScript(client: Client, args: readonly Buffer[]): void {
  const [, , name, ...rest] = args;
  const word = String(name).toUpperCase();
  if (word === 'GET' && rest.length === 1) {
    const digest = String(rest[0]).toLowerCase();
    askLoops(client, { kind: 'script-body', digest }, ({ body }) =>
      written(client, (writer) => (body === null ? writer.null() : writer.bulk(body))),
    );
  } else if (word === 'FLUSH') flushScripts(client, args.slice(1), []);
  else client.reply(INVALID);
}

/** SCRIPT FLUSH is on its way to the local server in a transaction. */
export function flushEverywhere(context: ProxyContext): void {
  forgetScriptsEverywhere(context);
  for (const peer of peerAddressesOf(context.owners)) {
    const sink = new ReplyText(() => undefined);
    context.dedicated.control(peer).request(sink, 1, false, FLUSH_PEER, 0, FLUSH_PEER.length);
  }
}
