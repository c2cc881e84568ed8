import {
  encodeCommand,
  MALFORMED,
  type RequestScanner,
  splitInline,
  UNBALANCED_QUOTES_TEXT,
} from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import { findKeys, isArityOk, singleKeyIndex, slotOfKeys } from '../core/command-keys.ts';
import { concernsValues } from '../core/compression.ts';
import { isForwarded, lookupCommand } from '../core/command-lookup.ts';
import { errorReply } from '../core/replies.ts';
import { SLOT_HELD } from '../core/routing-table.ts';
import { forwardRun } from './forward-run.ts';
import { COMMANDS_PROCESSED } from './loop-counters.ts';
import { answerOther } from './other-commands.ts';
import type { Client, Span } from './proxy-context.ts';
import { readonlyTarget } from './readonly-mode.ts';
import { isScriptThere } from './script-calls.ts';

/**
 * Frames and routes what a client sent: `bytes[start, length)`. Consecutive commands for one backend are
 * forwarded as one run of the original bytes. Returns the offset up to which everything was handled; what
 * follows is the start of an incomplete command, or waits until the client accepts input again.
 */
export function dispatch(client: Client, bytes: Buffer, start: number, length: number): number {
  const { gate, loop, monitor } = client.context;
  if (gate.word[0] !== gate.seen) gate.pass();
  const { scanner, heads } = loop;
  let pos = start;
  let runStart = start;
  let runCount = 0;
  let runTarget = -1;
  let end = 0;
  let isUsual = isUnobserved(client);
  let isAccepting = client.isAccepting;
  while (pos < length && isAccepting) {
    let target = -1;
    const rest = isUsual ? heads.find(bytes, pos, length) : -1;
    if (rest >= 0) {
      end = scanner.scanRest(bytes, rest, length, heads.argsLeft);
      if (end >= 0) target = ownerOf(client, bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
    }
    if (target < 0) {
      end = scanner.scan(bytes, pos, length);
      if (end < 0) break;
      target = localTarget(client, scanner, bytes, pos);
    }
    if (isUsual && target >= 0 && target === runTarget) {
      runCount++;
      pos = end;
      continue;
    }
    // An inline command comes again in the usual form.
    const line = monitor.isOn && !scanner.isInline ? monitor.lineOf(client, scanner, bytes) : null;
    if (target < 0 || target !== runTarget) {
      if (runCount > 0) forwardRun(client, bytes, runStart, pos, runTarget, runCount);
      runStart = pos;
      runCount = 0;
      runTarget = target;
    }
    if (target >= 0) runCount++;
    else if (target === SLOT_HELD) {
      client.context.park(client);
      break;
    } else if (!dispatchOther(client, scanner, { bytes, start: pos, end })) break;
    if (line !== null) monitor.show(client, line);
    pos = end;
    isUsual = isUnobserved(client);
    isAccepting = client.isAccepting;
  }
  if (runCount > 0) forwardRun(client, bytes, runStart, pos, runTarget, runCount);
  if (end === MALFORMED) failProtocol(client, scanner.errorText);
  return pos;
}

/** Reports a protocol error, after the replies owed for what came before it, and closes. */
export function failProtocol(client: Client, text: string): void {
  client.reply(errorReply(`ERR ${text}`));
  client.endAfterReplies();
}

/** Whether commands for one server need no look at anything but their key. */
function isUnobserved({ session, context }: Client): boolean {
  return session.detours === 0 && context.compression === null && !context.monitor.isOn;
}

function ownerOf({ context }: Client, bytes: Buffer, keyStart: number, keyEnd: number): number {
  return context.slots[keySlot(bytes, keyStart, keyEnd)]!;
}

/** The fast path: the local node that serves a command's keys; negative for everything else. */
function localTarget(
  client: Client,
  scanner: RequestScanner,
  bytes: Buffer,
  start: number,
): number {
  if (scanner.argc === 0) return -1;
  if (client.session.detours !== 0) return readonlyTarget(client, scanner, bytes);
  const id = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
  if (id < 0 || !isArityOk(id, scanner.argc)) return -1;
  const keyIndex = singleKeyIndex(id);
  const { slots, compression, loop } = client.context;
  if (compression !== null && concernsValues(id)) return -1;
  if (keyIndex > 0) {
    if (keyIndex === 1) loop.heads.learn(bytes, start, headEnd(scanner), scanner.argc);
    return ownerOf(client, bytes, scanner.argStart[keyIndex]!, scanner.argEnd[keyIndex]!);
  }
  if (keyIndex === 0 || !isForwarded(id)) return -1;
  const { keys } = client.context;
  if (findKeys(id, bytes, scanner, keys) <= 0) return -1;
  const slot = slotOfKeys(bytes, scanner, keys);
  const target = slot < 0 ? -1 : slots[slot]!;
  if (target < 0) return target;
  return isScriptThere(client, id, scanner, bytes, target) ? target : -1;
}

/** Where the first argument after the name begins, with its length. */
function headEnd({ argEnd }: RequestScanner): number {
  return argEnd[0]! + 2;
}

/** False: the command waits, it was not carried out. */
function dispatchOther(client: Client, scanner: RequestScanner, span: Span): boolean {
  if (scanner.isInline) return dispatchInline(client, span);
  if (scanner.argc === 0) return true;
  const { counters } = client.context;
  counters[COMMANDS_PROCESSED]!++;
  if (answerOther(client, scanner, span)) return true;
  counters[COMMANDS_PROCESSED]!--;
  return false;
}

/** An inline command is rewritten in the form that every later step expects. */
function dispatchInline(client: Client, span: Span): boolean {
  const words = splitInline(span.bytes, span.start, span.end);
  if (words === null) {
    failProtocol(client, UNBALANCED_QUOTES_TEXT);
    return true;
  }
  if (words.length === 0) return true;
  if (isHttp(words[0]!)) {
    client.context.logger.warn({ client: client.peer }, 'HTTP request refused');
    client.destroy();
    return true;
  }
  const command = encodeCommand(words);
  return dispatch(client, command, 0, command.length) > 0;
}

/** A browser can be made to send HTTP anywhere; Redis drops such a connection for the same reason. */
function isHttp(word: Buffer): boolean {
  const name = word.toString('latin1').toLowerCase();
  return name === 'post' || name === 'host:';
}
