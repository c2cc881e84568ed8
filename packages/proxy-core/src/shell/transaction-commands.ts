import { SLOT_NONE } from '../core/command-keys.ts';
import { refusalText } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import {
  errorReply,
  execAbortReply,
  REPLY_CROSSSLOT,
  REPLY_EXECABORT,
  REPLY_OK,
  REPLY_QUEUED,
  REPLY_SLOT_DOWN,
  REPLY_TRANSACTION_APART,
  unreachableReply,
} from '../core/replies.ts';
import { Transaction, type TransactionLimits } from '../core/transaction.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { composeReply } from './exec-call.ts';
import { mayWrite } from './paused-commands.ts';
import type { Client, Span, Watching } from './proxy-context.ts';
import { flushEverywhere } from './peer-scripts.ts';
import { isPacked, REPLY_OTHER_COMPRESSION, sendTransaction } from './send-transaction.ts';
import { noteExecuted } from './script-calls.ts';
import { areTogether, isAnyHeld } from './shard-slots.ts';
import { slotRefusal } from './slot-refusal.ts';
import { compressionOf } from './value-commands.ts';
import { endWatch } from './watch-commands.ts';
import { written } from './written.ts';

const NO_MONITOR = errorReply("ERR MONITOR isn't allowed for DENY BLOCKING client");
const EXEC_BEFORE_MULTI = errorReply('ERR EXEC without MULTI');
const DISCARD_BEFORE_MULTI = errorReply('ERR DISCARD without MULTI');
const MULTI_IN_MULTI = errorReply('ERR MULTI calls can not be nested');
const RUN_AT_ONCE: ReadonlySet<number> = new Set([
  COMMAND_ID.MULTI,
  COMMAND_ID.EXEC,
  COMMAND_ID.DISCARD,
  COMMAND_ID.QUIT,
  COMMAND_ID.RESET,
]);

/** Whether a command that the proxy answers is executed between MULTI and EXEC instead of queued. */
export function isRunAtOnce(id: number): boolean {
  return RUN_AT_ONCE.has(id);
}

/** MULTI. */
export function multi(client: Client): void {
  const { session, context } = client;
  if (session.transaction !== null) {
    client.reply(MULTI_IN_MULTI);
    return;
  }
  session.beginTransaction(new Transaction(limitsOf(client), context.isPlain ? 'shard' : 'slot'));
  client.reply(REPLY_OK);
}

/** What may be queued in a client's transaction. */
export function limitsOf({ context }: Client): TransactionLimits {
  const { transactionBytesMax, transactionCommandsMax } = context.options;
  return { bytesMax: transactionBytesMax, commandsMax: transactionCommandsMax };
}

/** DISCARD. */
export function discard(client: Client): void {
  if (client.session.transaction === null) {
    client.reply(DISCARD_BEFORE_MULTI);
    return;
  }
  abandon(client);
  client.reply(REPLY_OK);
}

/** Forgets what is queued and what is watched. */
export function abandon(client: Client): void {
  client.session.endTransaction();
  if (client.watching !== null) client.whenQuiet(() => endWatch(client, false));
}

/** Queues command `id` for the server of `slot`. */
export function queueForwarded(client: Client, id: number, span: Span, slot: number): void {
  const { transaction } = client.session;
  const isQueued = transaction?.queueForwarded(span.bytes, span.start, span.end, slot) === true;
  if (transaction !== null && isQueued && mayWrite(id)) transaction.isWriting = true;
  if (transaction !== null && id === COMMAND_ID.SCRIPT_FLUSH) transaction.isFlushingScripts = true;
  answerQueued(client, isQueued);
}

/** Queues PUBLISH or SPUBLISH for the server of `slot`. */
export function queuePublish(
  client: Client,
  id: number,
  span: Span,
  { slot, channel }: { readonly slot: number; readonly channel: Buffer | undefined },
): void {
  const { transaction } = client.session;
  const index = transaction?.count ?? 0;
  queueForwarded(client, id, span, slot);
  if (transaction === null || transaction.isAborted || channel === undefined) return;
  transaction.published.push({ index, channel, isSharded: id === COMMAND_ID.SPUBLISH });
}

const OTHER_CONNECTIONS =
  'it changes the connections to servers, and commands for one of them are queued; send it before MULTI';
const OTHER_REPLIES =
  'it changes what becomes of replies, which cannot be done inside the one of EXEC';

/** Why a command is never queued; null: it may be. */
export function refusalToQueue(id: number): Buffer | null {
  if (id === COMMAND_ID.CLIENT_TRACKING) {
    return errorReply(refusalText('CLIENT TRACKING in MULTI', OTHER_CONNECTIONS));
  }
  return id === COMMAND_ID.CLIENT_REPLY
    ? errorReply(refusalText('CLIENT REPLY in MULTI', OTHER_REPLIES))
    : null;
}

/** What a command that is queued like others answers to EXEC, as in Redis; null: it is carried out. */
export function refusalInExec(id: number): Buffer | null {
  return id === COMMAND_ID.MONITOR ? NO_MONITOR : null;
}

/** Queues a command for the proxy itself; `refusal` is what it will answer if it cannot be carried. */
export function queueLocal(client: Client, args: readonly Buffer[], refusal: Buffer | null): void {
  answerQueued(client, client.session.transaction?.queueLocal(args, refusal) === true);
}

function answerQueued(client: Client, isQueued: boolean): void {
  const { transaction } = client.session;
  const refusal = isQueued ? null : tooLarge(client);
  if (refusal !== null) transaction?.abort(refusal);
  if (transaction?.isWhole !== true) client.reply(refusal ?? REPLY_QUEUED);
}

function tooLarge(client: Client): Buffer {
  const { commandsMax, bytesMax } = limitsOf(client);
  return errorReply(
    `ERR the transaction is larger than ${commandsMax} commands or ${bytesMax} bytes`,
  );
}

/** EXEC: everything queued goes to the server as one piece between MULTI and EXEC, or nothing does. */
export function exec(client: Client): void {
  const { session } = client;
  const { transaction } = session;
  if (transaction === null) {
    client.reply(EXEC_BEFORE_MULTI);
    return;
  }
  session.endTransaction();
  const refusal = execRefusal(client, transaction);
  if (refusal !== null) refuseExec(client, refusal);
  else if (transaction.forwardedCount > 0 || client.watching !== null) {
    // Replies of another proxy may have to wait for one that was redirected.
    if (isForPeer(client, transaction)) client.whenQuiet(() => execLate(client, transaction));
    else execOn(client, transaction);
  }
  // What the proxy answers may depend on replies that are still to come.
  else client.whenQuiet(() => execHere(client, transaction));
}

/** What was decided may be old when the replies before it have come. */
function execLate(client: Client, transaction: Transaction): void {
  const { context } = client;
  if (isAnyHeld(context, transaction.slots)) {
    context.park(client);
    client.whenUnparked(() => execLate(client, transaction));
    return;
  }
  const refusal = execRefusal(client, transaction);
  if (refusal === null) execOn(client, transaction);
  else refuseExec(client, refusal);
}

function refuseExec(client: Client, refusal: Buffer): void {
  client.reply(refusal);
  if (client.watching !== null) client.whenQuiet(() => endWatch(client, false));
}

function isForPeer({ context, watching }: Client, { slot }: Transaction): boolean {
  const { slots, peerStart } = context.table;
  if (watching === null) return slot !== SLOT_NONE && (slots[slot] ?? 0) >= peerStart;
  const index = context.groups.findIndex(({ address }) => address === watching.address);
  return index < 0 || index >= peerStart;
}

function execOn(client: Client, transaction: Transaction): void {
  const { watching } = client;
  if (watching === null) execOnServer(client, transaction);
  else execWatched(client, transaction, watching);
}

/** Without a command for a server. */
function execHere(client: Client, transaction: Transaction): void {
  client.deferReply();
  void composeReply(client, transaction, Buffer.alloc(0)).then((reply) =>
    client.replyDeferred(reply),
  );
}

function execRefusal(client: Client, transaction: Transaction): Buffer | null {
  if (transaction.scope === 'slot' && transaction.hasSeveralSlots) return REPLY_CROSSSLOT;
  const { slot, slots, needsMaster } = transaction;
  for (const one of slots) {
    const refusal = slotRefusal(client.context, one, needsMaster);
    if (refusal !== null) return refusal;
  }
  // They were together when the commands were queued.
  if (!areTogether(client.context, slots)) return execAbortReply(REPLY_TRANSACTION_APART);
  if (transaction.isAborted) return REPLY_EXECABORT;
  const { compression, isMixed } = transaction;
  const isSame = compression === undefined || compression === compressionOf(client.context, slot);
  return isSame && !isMixed ? null : REPLY_OTHER_COMPRESSION;
}

/** The connection that watches decides whether anything is executed, even without a command for it. */
function execWatched(client: Client, transaction: Transaction, watching: Watching): void {
  const group = groupOf(client, transaction);
  const isElsewhere =
    transaction.forwardedCount > 0 && group !== undefined && group.address !== watching.address;
  if (isElsewhere || watching.isBroken) {
    // No server can compare keys of another one.
    const isChanged = watching.isBroken;
    client.reply(isChanged ? written(client, (writer) => writer.nullArray()) : REPLY_CROSSSLOT);
    client.whenQuiet(() => endWatch(client, false));
    return;
  }
  const { connection } = watching;
  if (sendOrRefuse(client, transaction, connection)) {
    // A proxy that does not know this form goes on watching.
    const isClean = !isPacked(transaction, connection);
    client.whenQuiet(() => endWatch(client, isClean));
  }
}

function execOnServer(client: Client, transaction: Transaction): void {
  const group = groupOf(client, transaction);
  if (group === undefined) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  const backend = client.backendOf(group);
  const isSent = sendOrRefuse(client, transaction, backend);
  if (isSent && isStalling(transaction, backend)) client.whenQuiet(doNothing);
}

/** Whether the reply may take longer than the server's. */
function isStalling(transaction: Transaction, backend: BackendConnection): boolean {
  return transaction.locals.length > 0 || backend.options.isPeer;
}

/** The server of the transaction's keys; without any, the first one. */
function groupOf({ context }: Client, { slot }: Transaction): BackendGroup | undefined {
  return context.groups[slot === SLOT_NONE ? 0 : (context.table.slots[slot] ?? 0)];
}

/** False: the client was told that the server cannot be reached. */
function sendOrRefuse(
  client: Client,
  transaction: Transaction,
  backend: BackendConnection,
): boolean {
  const group = groupOf(client, transaction);
  noteExecuted(client, transaction);
  if (transaction.isFlushingScripts) flushEverywhere(client.context);
  const isSent = group !== undefined && sendTransaction(client, transaction, group, backend);
  if (!isSent) client.reply(unreachableReply(backend.options.address));
  // What the server tells behind the reply must not overtake it.
  else if (isStalling(transaction, backend)) client.tracking?.hold();
  return isSent;
}

/** Commands behind EXEC wait for its reply when the proxy executes some of the transaction with it. */
function doNothing(): void {}
