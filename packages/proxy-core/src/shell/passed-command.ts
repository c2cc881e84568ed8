import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { findKeys, SLOT_NONE, slotOfKeys, SLOTS_DIFFER } from '../core/command-keys.ts';
import { isForwarded, lookupCommand, resolveSubcommand } from '../core/command-lookup.ts';
import { passedCommand } from '../core/passed-command.ts';
import { errorReply, REPLY_TOO_MANY_HOPS, unreachableReply } from '../core/replies.ts';
import type { BackendGroup } from './backend-pool.ts';
import { carrySplit } from './fan-out-commands.ts';
import { holdIfPaused } from './paused-commands.ts';
import type { Client, ProxyContext, Span } from './proxy-context.ts';

const NO_TIMES = errorReply('Missing sub command');
const NOT_UTF8 = errorReply('Invalid sub command');
const BAD_TIMES = errorReply('invalid redirection times');
const NO_COMMAND = errorReply('missing forwarded command');
const NOT_FOR_KEYS = errorReply('ERR UMFORWARD is for commands on keys, outside of transactions');
const WORD = /^[!-~]*$/;
// As the original, which reads an unsigned 64-bit number; more hops than this are no limit.
const TIMES = /^\+?\d{1,19}$/;

/**
 * UMFORWARD times command…: what an original proxy with active redirection passes on. It is carried out as a client's
 * command, and passed on itself at most `times` times, also in parts. Returns the command, if it is to be carried out
 * here; the scanner then knows its words. Else whether it is done, or the client waits: false. `rerun`: see `holdIfPaused`.
 */
export function takePassed(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  rerun: (client: Client, command: Buffer) => void,
): { readonly id: number; readonly span: Span } | boolean {
  const { times, words, refusal } = parsePassed(scanner, span.bytes);
  if (refusal !== null) {
    client.reply(refusal);
    return true;
  }
  const bytes = encodeCommand(words);
  const end = scanner.scan(bytes, 0, bytes.length);
  const container = lookupCommand(bytes, scanner.argStart[0] ?? 0, scanner.argEnd[0] ?? 0);
  const id = resolveSubcommand(container, bytes, scanner);
  const { session, context } = client;
  const routes = routesOf(context);
  if (session.transaction !== null || id < 0 || !isForwarded(id)) {
    client.reply(NOT_FOR_KEYS);
    return true;
  }
  if (holdIfPaused(client, id, span, rerun)) return true;
  const hasKeys = findKeys(id, bytes, scanner, context.keys) > 0;
  const slot = hasKeys ? slotOfKeys(bytes, scanner, context.keys) : SLOT_NONE;
  const command = { id, span: { bytes, start: 0, end } };
  const outcome =
    slot === SLOTS_DIFFER
      ? carrySplit(client, { scanner, ...command, hopsMax: times }, rerun)
      : 'whole';
  if (outcome !== 'whole') return outcome === 'done';
  const target = slot < 0 ? -1 : (routes.slots[slot] ?? -1);
  if (target < routes.table.peerStart) return command;
  if (times === 0) client.reply(REPLY_TOO_MANY_HOPS);
  else passOn(client, routes.groups[target], passedCommand(bytes, times - 1));
  return true;
}

/** With active redirection commands of this kind are passed on for other proxies, too: their hops are counted. */
function routesOf(context: ProxyContext): ProxyContext {
  return context.options.activeRedirection ? (context.splitBy ?? context) : context;
}

interface Passed {
  readonly times: number;
  readonly words: readonly Buffer[];
  readonly refusal: Buffer | null;
}

function parsePassed(scanner: RequestScanner, bytes: Buffer): Passed {
  const words: Buffer[] = [];
  for (let i = 1; i < scanner.argc; i++) {
    words.push(Buffer.from(bytes.subarray(scanner.argStart[i], scanner.argEnd[i])));
  }
  const [first, ...command] = words;
  const text = first?.toString('latin1') ?? '';
  const times = Number(text);
  const refused = (refusal: Buffer): Passed => ({ times: 0, words: [], refusal });
  if (first === undefined) return refused(NO_TIMES);
  if (!WORD.test(text) && first.toString('utf8').includes('\u{fffd}')) return refused(NOT_UTF8);
  if (!TIMES.test(text)) return refused(BAD_TIMES);
  if (command.length === 0) return refused(NO_COMMAND);
  return { times, words: command, refusal: null };
}

/** A redirection by that proxy goes back the way the command came. */
function passOn(client: Client, group: BackendGroup | undefined, command: Buffer): void {
  const { redirects } = client.context;
  if (group === undefined) return;
  const backend = client.backendOf(group);
  const replies = redirects.repliesOf(client, backend);
  if (backend.request(replies, 1, false, command, 0, command.length)) {
    replies.passOn(1);
    client.owe(backend, 1);
  } else client.reply(unreachableReply(group.address));
}
