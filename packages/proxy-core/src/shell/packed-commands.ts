import { finishSlices, SliceMeter, type Slices } from '@undermoon/cluster-meta';
import type { RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { resolveCommand } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { isOneCommand, type PackedCommand, PackedCommands } from '../core/packed-transaction.ts';
import { redirectionOf } from '../core/redirection.ts';
import { errorReply, execAbortReply, movedReply, REPLY_NOAUTH } from '../core/replies.ts';
import { peerTargetOf } from '../core/routing-table.ts';
import { Transaction } from '../core/transaction.ts';
import { holdIfPaused } from './paused-commands.ts';
import type { Client, Span } from './proxy-context.ts';
import { abandon, exec, isRunAtOnce, limitsOf } from './transaction-commands.ts';

const NO_COMMANDS = errorReply('ERR UMCTL TRANSACTION without commands');
const FOR_SERVERS = errorReply('ERR UMCTL TRANSACTION is for commands that servers execute');

/** A command with more words, or bytes, is queued in slices. */
const WORDS_AT_ONCE_MAX = 100;
const BYTES_AT_ONCE_MAX = 65_536;

/** What queueing takes, in items of a slice: microseconds for a command, and more for one with many words. */
const COMMAND_ITEMS = 8;
const BYTES_PER_ITEM = 32;

/** How commands are carried out, and carried out anew. */
interface Carrier {
  /** Queues one command in the client's transaction. False: the client waits. */
  readonly queue: (client: Client, scanner: RequestScanner, span: Span) => boolean;
  readonly rerun: (client: Client, command: Buffer) => void;
}

/** Whether a command is UMCTL TRANSACTION command…: see `takePacked`. */
export function isPackedTransaction(id: number, scanner: RequestScanner, bytes: Buffer): boolean {
  return id === COMMAND_ID.UMCTL && argumentIs('TRANSACTION', bytes, scanner, 1);
}

/**
 * UMCTL TRANSACTION command…: a transaction of another proxy's plain port, each word a whole command. Its keys may be in
 * all slots of one server. The reply is EXEC's, or MOVED; then nothing was executed. A long one is queued in slices, and
 * commands of other clients come in between. False: the client waits.
 */
export function takePacked(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  carrier: Carrier,
): boolean {
  const refusal = refusalOf(client, scanner);
  if (refusal !== null) {
    client.reply(refusal);
    return true;
  }
  const isLong = scanner.argc > WORDS_AT_ONCE_MAX || span.end - span.start > BYTES_AT_ONCE_MAX;
  const commands = new PackedCommands(scanner, span, isLong);
  if (isLong) {
    queueLater(client, commands, carrier);
    return true;
  }
  const isQueued = finishSlices(queueAll(client, commands, carrier));
  if (isQueued) execQueued(client, commands, carrier);
  return isQueued;
}

/** The client's next commands wait meanwhile. */
function queueLater(client: Client, commands: PackedCommands, carrier: Carrier): void {
  client.park();
  void queueInSlices(client, commands, carrier);
}

async function queueInSlices(
  client: Client,
  commands: PackedCommands,
  carrier: Carrier,
): Promise<void> {
  const { longWork, loop } = client.context;
  const isQueued = await longWork.run(queueAll(client, commands, carrier));
  if (client.isClosed) return;
  const goOn = isQueued ? execQueued : queueLater;
  client.whenUnparked(() => goOn(client, commands, carrier));
  // Otherwise what the client waits for unparks it.
  if (isQueued) client.unpark();
  loop.output.flush();
}

/** The result is false if the client waits; then nothing is queued. */
function* queueAll(client: Client, commands: PackedCommands, carrier: Carrier): Slices<boolean> {
  const { session, context } = client;
  const { scanner } = context.loop;
  const transaction = new Transaction(limitsOf(client), 'shard', true);
  session.beginTransaction(transaction);
  const meter = new SliceMeter();
  for (let i = 0; i < commands.count && !transaction.isAborted; i++) {
    const command = commands.at(i);
    if (!queueOne(client, scanner, command, carrier)) {
      session.endTransaction();
      return false;
    }
    const items = COMMAND_ITEMS + (command.end - command.start) / BYTES_PER_ITEM;
    if (!meter.isFullAfter(items)) continue;
    yield;
    if (client.isClosed) return false;
  }
  return true;
}

function execQueued(client: Client, commands: PackedCommands, carrier: Carrier): void {
  const { session } = client;
  const { transaction } = session;
  if (transaction === null) return;
  noteElsewhere(client, transaction);
  const isHeld = holdIfPaused(client, COMMAND_ID.EXEC, commands.frame, carrier.rerun);
  if (isHeld) session.endTransaction();
  else if (transaction.refusal === null) exec(client);
  else {
    abandon(client);
    const isMoved = redirectionOf(transaction.refusal) !== null;
    client.reply(isMoved ? transaction.refusal : execAbortReply(transaction.refusal));
  }
}

function refusalOf({ session }: Client, { argc }: RequestScanner): Buffer | null {
  // The other UMCTL are open to everyone; commands are not.
  if (!session.isAuthenticated) return REPLY_NOAUTH;
  return argc < 3 ? NO_COMMANDS : null;
}

/** False: the client waits. */
function queueOne(
  client: Client,
  scanner: RequestScanner,
  command: PackedCommand,
  carrier: Carrier,
): boolean {
  const { transaction } = client.session;
  if (transaction === null || transaction.isAborted) return true;
  if (!isOneCommand(scanner, command)) {
    const place = `word ${command.number} behind UMCTL TRANSACTION`;
    transaction.abort(errorReply(`ERR ${place} is not one whole command`));
    return true;
  }
  const { count } = transaction;
  if (isNotForServers(resolveCommand(command.bytes, scanner))) transaction.abort(FOR_SERVERS);
  else if (!carrier.queue(client, scanner, command)) return false;
  // Nothing that this proxy would execute itself was asked for.
  if (transaction.count === count || transaction.locals.length > 0) transaction.abort(FOR_SERVERS);
  return true;
}

/** Whether a command is carried out, or answered, although a transaction is open. */
function isNotForServers(id: number): boolean {
  return (
    isRunAtOnce(id) ||
    id === COMMAND_ID.WATCH ||
    id === COMMAND_ID.UMCTL ||
    id === COMMAND_ID.UMFORWARD
  );
}

/** A proxy that serves plain clients on its cluster port does not pass a transaction on to a third one. */
function noteElsewhere({ context }: Client, transaction: Transaction): void {
  if (!context.isPlain) return;
  const { slots, peerStart } = context.table;
  for (const slot of transaction.slots) {
    const target = slots[slot] ?? -1;
    const group = context.groups[target];
    if (target < peerStart || group === undefined) continue;
    transaction.abort(movedReply(slot, peerTargetOf(group.address).movedSuffix));
  }
}
