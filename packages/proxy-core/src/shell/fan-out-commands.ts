import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { concernsValues, decodeReply, type ValueCodec } from '../core/compression.ts';
import {
  concatenated,
  elementsOf,
  type FanOutPart,
  firstOf,
  type Merge,
  type Split,
  splitByKeys,
  splitOf,
  sum,
  unlessError,
} from '../core/fan-out.ts';
import { passedCommand } from '../core/passed-command.ts';
import { writeHistograms } from '../core/merge-histograms.ts';
import { arityReply, errorReply, REPLY_SLOT_DOWN, REPLY_TOO_MANY_HOPS } from '../core/replies.ts';
import { SLOT_UNCOVERED } from '../core/routing-table.ts';
import { cursorText, nextScanSlot, parseCursor, type ScanCursor } from '../core/scan-cursor.ts';
import { connectionsTo, sendParts } from './fan-out-call.ts';
import { holdIfPaused } from './paused-commands.ts';
import type { Client, ProxyContext, Span } from './proxy-context.ts';
import { areKeysHeld } from './shard-slots.ts';
import { valueRefusal } from './value-commands.ts';
import { written } from './written.ts';

const INVALID_CURSOR = errorReply('ERR invalid cursor');

/**
 * Carries out a command whose keys are in different slots, in parts. 'whole': this client's commands, or this
 * one, cannot be split. 'parked': a slot is held, and the client goes on with the command when it no longer is.
 * `rerun`: see `holdIfPaused`.
 */
export function carrySplit(
  client: Client,
  { scanner, span, id, hopsMax = null }: SplitCommand,
  rerun: (client: Client, command: Buffer) => void,
): 'whole' | 'done' | 'parked' {
  if (splitOf(id) === null) return 'whole';
  const { context } = client;
  // Before a hold is over it is not known whether the command may be split.
  if (areKeysHeld(context, scanner, span.bytes)) {
    context.park(client);
    return 'parked';
  }
  const splitting = splittingOf(client, id);
  if (splitting === null) return 'whole';
  if (!holdIfPaused(client, id, span, rerun)) {
    runSplit(client, scanner, span, { ...splitting, hopsMax });
  }
  return 'done';
}

/** A command that was scanned last. */
interface SplitCommand {
  readonly scanner: RequestScanner;
  readonly span: Span;
  readonly id: number;
  /** Through how many more proxies its parts may go, for another proxy; null: it is a client's own. */
  readonly hopsMax?: number | null;
}

/** How a command is split, and whose servers get the parts. */
interface Splitting extends Split {
  readonly id: number;
  readonly by: ProxyContext;
}

/** Null: this client's commands, or those of this kind, are not split. */
function splittingOf({ context: { splitBy } }: Client, id: number): Splitting | null {
  const split = splitOf(id);
  return split === null || splitBy === null ? null : { ...split, id, by: splitBy };
}

/** Carries out a command whose keys are in different slots, none of which is held, in parts. */
function runSplit(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  { id, by, argumentsPerKey, merge, hopsMax }: Splitting & { readonly hopsMax: number | null },
): void {
  const { context } = client;
  if ((scanner.argc - 1) % argumentsPerKey !== 0) {
    client.reply(arityReply('mset'));
    return;
  }
  const { slots, groups } = by;
  const { peerStart } = by.table;
  const compression = concernsValues(id) ? context.compression : null;
  const refusal = compression === null ? null : valueRefusal(compression, id);
  if (refusal !== null) {
    client.reply(refusal);
    return;
  }
  const codec = compression?.codec ?? null;
  const store = (value: Uint8Array): Uint8Array => codec?.encode(value) ?? value;
  const routes = { slots, peerStart, argumentsPerKey, store };
  const parts = splitByKeys(span.bytes, scanner, context.keys, routes);
  if (hopsMax === 0 && parts.some(({ target }) => target >= peerStart)) {
    client.reply(REPLY_TOO_MANY_HOPS);
    return;
  }
  const merged = codec === null ? merge : decoding(client, { codec, peerStart }, merge);
  const sent = hopsMax === null ? parts : parts.map((part) => passedPart(part, peerStart, hopsMax));
  sendParts(client, sent, merged, connectionsTo(client, groups, sent));
}

/** Other proxies get it with one hop less. */
function passedPart(part: FanOutPart, peerStart: number, hopsMax: number): FanOutPart {
  if (part.target < peerStart) return part;
  return { ...part, command: passedCommand(part.command, hopsMax - 1), isPassedOn: true };
}

/** The same merge for replies with stored values in them. Other proxies have turned theirs back. */
function decoding(
  { context }: Client,
  { codec, peerStart }: { readonly codec: ValueCodec; readonly peerStart: number },
  merge: Merge,
): Merge {
  const { outputBytesMax } = context.options;
  return unlessError((parts, replies) => {
    const decoded = replies.map((reply, i) =>
      (parts[i]?.target ?? peerStart) < peerStart
        ? decodeReply(reply, codec, outputBytesMax)
        : reply,
    );
    return unlessError(merge)(parts, decoded);
  });
}

/** Carries out a command for all servers. */
export function runOnAll(client: Client, id: number, args: readonly Buffer[]): void {
  const { servers } = client.context;
  if (servers.length === 0) client.reply(REPLY_SLOT_DOWN);
  else if (id === COMMAND_ID.SCAN) scan(client, args);
  else {
    const command = encodeCommand(args);
    const parts = servers.map((_, target): FanOutPart => ({ target, command, keys: [] }));
    sendParts(client, parts, unlessError(mergeOf(client, id)));
  }
}

function mergeOf(client: Client, id: number): Merge {
  switch (id) {
    case COMMAND_ID.DBSIZE:
      return sum;
    case COMMAND_ID.KEYS:
      return concatenated;
    case COMMAND_ID.LATENCY_HISTOGRAM:
      return (parts, replies) => histograms(client, parts, replies);
    case COMMAND_ID.RANDOMKEY:
      return (_, replies) => anyKey(client, replies);
    default:
      return firstOf;
  }
}

/** That of one server is passed on as it is. */
function histograms(
  client: Client,
  parts: readonly FanOutPart[],
  replies: readonly Buffer[],
): Buffer {
  if (replies.length === 1) return firstOf(parts, replies);
  return written(client, (writer) => writeHistograms(writer, replies));
}

/** A key of any server that has some, of another one from call to call. */
function anyKey(client: Client, replies: readonly Buffer[]): Buffer {
  const found = replies.filter((reply) => !/^(\$-1|_)\r\n$/.test(reply.toString('latin1', 0, 6)));
  const turn = client.context.loop.nextTurn();
  return found[turn % found.length] ?? replies[0] ?? REPLY_SLOT_DOWN;
}

/** With one server its own cursors are used, so that they are those of Redis. */
function scan(client: Client, args: readonly Buffer[]): void {
  const { servers, isPlain } = client.context;
  if (servers.length === 1 && !isPlain) {
    const parts = [{ target: 0, command: encodeCommand(args), keys: [] }];
    sendParts(client, parts, unlessError(firstOf));
    return;
  }
  const slots = scannedSlots(client);
  const given = parseCursor(String(args[1]));
  if (given === null) {
    client.reply(INVALID_CURSOR);
    return;
  }
  const isBegin = given.inner === 0n && given.slot === 0;
  const slot = isBegin ? (nextScanSlot(slots, 0) ?? 0) : given.slot;
  const target = slots[slot] ?? -1;
  const [name = Buffer.from('SCAN'), , ...rest] = args;
  const command = encodeCommand([name, String(given.inner), ...rest]);
  const merge: Merge = (_, [reply = INVALID_CURSOR]) =>
    scanReplyFor(client, { inner: given.inner, slot }, reply);
  sendParts(client, [{ target, command, keys: [] }], unlessError(merge));
}

/** The server's reply with the cursor that the client goes on with. */
function scanReplyFor(client: Client, asked: ScanCursor, reply: Buffer): Buffer {
  const [cursor, keys] = elementsOf(reply);
  if (cursor === undefined || keys === undefined) return reply;
  const inner = BigInt(cursor.toString('latin1').split('\r\n')[1] ?? '0');
  const next = inner === 0n ? nextServer(client, asked.slot) : { inner, slot: asked.slot };
  const head = written(client, (writer) => writer.array(2).bulk(cursorText(next)));
  return Buffer.concat([head, keys]);
}

/** Copies are scanned only where there is nothing else. */
function scannedSlots({ context }: Client): Int16Array {
  const { servers, groups, table, owners, isPlain } = context;
  if (isPlain && servers.length < groups.length) {
    return table.slots.map((target) => (target < servers.length ? target : SLOT_UNCOVERED));
  }
  return (servers.length === groups.length ? table : owners).slots;
}

function nextServer(client: Client, slot: number): ScanCursor {
  return { inner: 0n, slot: nextScanSlot(scannedSlots(client), slot + 1) ?? 0 };
}
