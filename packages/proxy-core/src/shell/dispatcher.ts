import {
  encodeCommand,
  MALFORMED,
  type RequestScanner,
  splitInline,
  UNBALANCED_QUOTES_TEXT,
} from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import {
  findKeys,
  isArityOk,
  keyErrorText,
  singleKeyIndex,
  SLOT_NONE,
  slotOfKeys,
  SLOTS_DIFFER,
} from '../core/command-keys.ts';
import {
  commandName,
  isForwarded,
  lookupCommand,
  refusalOf,
  resolveSubcommand,
  UNKNOWN_SUBCOMMAND,
} from '../core/command-lookup.ts';
import {
  arityReply,
  errorReply,
  movedReply,
  REPLY_CROSSSLOT,
  REPLY_NOAUTH,
  REPLY_SLOT_DOWN,
  unknownCommandReply,
  unknownSubcommandReply,
} from '../core/replies.ts';
import { peerIndexOf, SLOT_UNCOVERED } from '../core/routing-table.ts';
import { COMMANDS_PROCESSED } from './loop-counters.ts';
import type { Client } from './proxy-context.ts';
import { answerCommand, isAllowedWithoutPassword } from './session-commands.ts';

/**
 * Frames and routes what a client sent: `bytes[start, length)`. Consecutive commands for one backend are
 * forwarded as one run of the original bytes. Returns the offset up to which everything was handled; what
 * follows is the start of an incomplete command, or waits until the client accepts input again.
 */
export function dispatch(client: Client, bytes: Buffer, start: number, length: number): number {
  const { scanner } = client.context.loop;
  let pos = start;
  let runStart = start;
  let runCount = 0;
  let runTarget = -1;
  let end = 0;
  while (pos < length && client.isAccepting) {
    end = scanner.scan(bytes, pos, length);
    if (end < 0) break;
    const target = localTarget(client, scanner, bytes);
    if (target < 0 || target !== runTarget) {
      if (runCount > 0)
        forwardRun(client, { bytes, start: runStart, end: pos }, runTarget, runCount);
      runStart = pos;
      runCount = 0;
      runTarget = target;
    }
    if (target >= 0) runCount++;
    else dispatchOther(client, scanner, { bytes, start: pos, end });
    pos = end;
  }
  if (runCount > 0) forwardRun(client, { bytes, start: runStart, end: pos }, runTarget, runCount);
  if (end === MALFORMED) failProtocol(client, scanner.errorText);
  return pos;
}

/** Reports a protocol error, after the replies owed for what came before it, and closes. */
export function failProtocol(client: Client, text: string): void {
  client.reply(errorReply(`ERR ${text}`));
  client.endAfterReplies();
}

/** Whole commands within a buffer. */
interface Span {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The fast path: the local node that serves a command's keys; negative for everything else. */
function localTarget(client: Client, scanner: RequestScanner, bytes: Buffer): number {
  if (scanner.argc === 0 || !client.session.isAuthenticated) return -1;
  const id = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
  if (id < 0 || !isArityOk(id, scanner.argc)) return -1;
  const keyIndex = singleKeyIndex(id);
  const { slots } = client.context.table;
  if (keyIndex > 0) {
    return slots[keySlot(bytes, scanner.argStart[keyIndex]!, scanner.argEnd[keyIndex]!)]!;
  }
  if (keyIndex === 0 || !isForwarded(id)) return -1;
  const { keys } = client.context;
  if (findKeys(id, bytes, scanner, keys) <= 0) return -1;
  const slot = slotOfKeys(bytes, scanner, keys);
  return slot < 0 ? -1 : slots[slot]!;
}

function forwardRun(client: Client, span: Span, target: number, count: number): void {
  const { context, session } = client;
  const group = context.groups[target]!;
  context.counters[COMMANDS_PROCESSED]! += count;
  const backend = group.connection(session.protocol, session.id);
  if (client.forward(backend, count, span.bytes, span.start, span.end)) return;
  const error = errorReply(`CLUSTERDOWN Hash slot not served: cannot reach ${group.address}`);
  for (let i = 0; i < count; i++) client.reply(error);
}

function dispatchOther(client: Client, scanner: RequestScanner, span: Span): void {
  if (scanner.isInline) dispatchInline(client, span);
  else if (scanner.argc > 0) {
    client.context.counters[COMMANDS_PROCESSED]!++;
    answerOther(client, scanner, span.bytes);
  }
}

/** An inline command is rewritten in the form that every later step expects. */
function dispatchInline(client: Client, span: Span): void {
  const words = splitInline(span.bytes, span.start, span.end);
  if (words === null) {
    failProtocol(client, UNBALANCED_QUOTES_TEXT);
    return;
  }
  if (words.length === 0) return;
  if (isHttp(words[0]!)) {
    client.context.logger.warn({ client: client.peer }, 'HTTP request refused');
    client.destroy();
    return;
  }
  const command = encodeCommand(words);
  dispatch(client, command, 0, command.length);
}

/** A browser can be made to send HTTP anywhere; Redis drops such a connection for the same reason. */
function isHttp(word: Buffer): boolean {
  const name = word.toString('latin1').toLowerCase();
  return name === 'post' || name === 'host:';
}

/** Everything but a command for a local node, in the order in which Redis checks. */
function answerOther(client: Client, scanner: RequestScanner, bytes: Buffer): void {
  const { session } = client;
  const container = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
  const id = resolveSubcommand(container, bytes, scanner);
  if (id < 0) {
    const args = argumentsOf(scanner, bytes);
    client.reply(
      id === UNKNOWN_SUBCOMMAND ? unknownSubcommandReply(args) : unknownCommandReply(args),
    );
    return;
  }
  const name = commandName(container);
  const refusal = refusalOf(id);
  if (!isArityOk(id, scanner.argc)) client.reply(arityReply(commandName(id)));
  else if (!session.isAuthenticated && !isAllowedWithoutPassword(name)) client.reply(REPLY_NOAUTH);
  else if (refusal !== '') client.reply(errorReply(refusal));
  else if (isForwarded(id)) client.reply(redirection(client, scanner, id, bytes));
  else answerCommand(client, name, argumentsOf(scanner, bytes));
}

/** Why a command for keys is not served here. */
function redirection(client: Client, scanner: RequestScanner, id: number, bytes: Buffer): Buffer {
  const { table, keys, options } = client.context;
  const keyCount = findKeys(id, bytes, scanner, keys);
  if (keyCount < 0) return errorReply(keyErrorText(id, keyCount));
  const slot = slotOfKeys(bytes, scanner, keys);
  if (slot === SLOTS_DIFFER) return REPLY_CROSSSLOT;
  if (slot === SLOT_NONE) {
    return errorReply(`ERR '${commandName(id)}' without a key is not available through this proxy`);
  }
  if (table.clusterName === null && options.defaultRedirectionAddress !== null) {
    return movedReply(slot, Buffer.from(` ${options.defaultRedirectionAddress}\r\n`));
  }
  const owner = table.slots[slot] ?? SLOT_UNCOVERED;
  if (owner === SLOT_UNCOVERED) return REPLY_SLOT_DOWN;
  return movedReply(slot, table.peers[peerIndexOf(owner)]!.movedSuffix);
}

function argumentsOf(scanner: RequestScanner, bytes: Buffer): Buffer[] {
  const args: Buffer[] = [];
  for (let i = 0; i < scanner.argc; i++) {
    args.push(Buffer.from(bytes.subarray(scanner.argStart[i], scanner.argEnd[i])));
  }
  return args;
}
