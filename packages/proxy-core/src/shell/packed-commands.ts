import type { RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { resolveCommand } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { isOneCommand, type PackedCommand, packedCommands } from '../core/packed-transaction.ts';
import { redirectionOf } from '../core/redirection.ts';
import { errorReply, execAbortReply, movedReply, REPLY_NOAUTH } from '../core/replies.ts';
import { peerTargetOf } from '../core/routing-table.ts';
import { Transaction } from '../core/transaction.ts';
import { holdIfPaused } from './paused-commands.ts';
import type { Client, Span } from './proxy-context.ts';
import { abandon, exec, isRunAtOnce, limitsOf } from './transaction-commands.ts';

const NO_COMMANDS = errorReply('ERR UMCTL TRANSACTION without commands');
const FOR_SERVERS = errorReply('ERR UMCTL TRANSACTION is for commands that servers execute');

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
 * all slots of one server. The reply is EXEC's, or MOVED; then nothing was executed. False: the client waits.
 */
export function takePacked(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  carrier: Carrier,
): boolean {
  const { session } = client;
  const refusal = refusalOf(client, scanner);
  if (refusal !== null) {
    client.reply(refusal);
    return true;
  }
  const transaction = new Transaction(limitsOf(client), 'shard', true);
  session.beginTransaction(transaction);
  for (const command of packedCommands(scanner, span.bytes)) {
    if (queueOne(client, scanner, command, carrier)) continue;
    session.endTransaction();
    return false;
  }
  noteElsewhere(client, transaction);
  if (holdIfPaused(client, COMMAND_ID.EXEC, span, carrier.rerun)) session.endTransaction();
  else if (transaction.refusal === null) exec(client);
  else {
    abandon(client);
    const isMoved = redirectionOf(transaction.refusal) !== null;
    client.reply(isMoved ? transaction.refusal : execAbortReply(transaction.refusal));
  }
  return true;
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
