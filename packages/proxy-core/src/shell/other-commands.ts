import type { RequestScanner } from '@undermoon/resp';
import {
  findKeys,
  isArityOk,
  keyErrorText,
  SCRIPT_WITHOUT_KEYS,
  SLOT_NONE,
  slotOfKeys,
  SLOTS_DIFFER,
} from '../core/command-keys.ts';
import {
  commandName,
  isDedicated,
  isFannedOut,
  isForwarded,
  lookupCommand,
  refusalOf,
  refusalText,
  resolveSubcommand,
  UNKNOWN_SUBCOMMAND,
} from '../core/command-lookup.ts';
import { concernsValues } from '../core/compression.ts';
import { BLOCKS, isOptionFault } from '../core/command-condition.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { DETOUR } from '../core/session.ts';
import {
  arityReply,
  errorReply,
  execAbortReply,
  REPLY_NOAUTH,
  REPLY_SLOT_DOWN,
  unknownCommandReply,
  unknownSubcommandReply,
} from '../core/replies.ts';
import { runBlocking } from './blocking-commands.ts';
import { carryLearned, type Carrier, learnedOf } from './carry-learned.ts';
import { isUnservedName } from './learned-lookup.ts';
import { isAskedOfServer, takeConfigOfServers } from './config-of-servers.ts';
import { carrySplit, runOnAll } from './fan-out-commands.ts';
import { forwardOne } from './forward-run.ts';
import { takeInfo } from './info-command.ts';
import { keysRefusal, serverRefusal } from './keys-refusal.ts';
import { endSkipWhenQuiet, holdIfPaused } from './paused-commands.ts';
import type { Client, Span } from './proxy-context.ts';
import { connectionFor } from './server-connection.ts';
import { compressionOf, forwardDecoded, storedForm, valueRefusal } from './value-commands.ts';
import {
  channelSlot,
  isPubsub,
  pubsubRefusal,
  queuePubsub,
  runPubsub,
  subscriberRefusal,
  takePeerCommand,
} from './pubsub-commands.ts';
import { answerCommand, isAllowedWithoutPassword, isControlCommand } from './session-commands.ts';
import { isPackedTransaction, takePacked } from './packed-commands.ts';
import { takePassed } from './passed-command.ts';
import { needsMaster } from './readonly-mode.ts';
import { takeRedirectRequest } from './redirect-request.ts';
import { isScriptReady, isWaitingForScripts, noteQueued } from './script-calls.ts';
import { isForServers } from './script-commands.ts';
import { isForShard, slotOfShard, slotsOfKeys } from './shard-slots.ts';
import { isAboutSlotKeys } from './slot-commands.ts';
import {
  abandon,
  discard,
  exec,
  isRunAtOnce,
  multi,
  queueForwarded,
  queueLocal,
  refusalInExec,
  refusalToQueue,
} from './transaction-commands.ts';
import { endCaching } from './tracking-commands.ts';
import { endWhenAnswered, timedCommand } from './slow-sampling.ts';
import { answerUmctl, isUmctlOfLoop } from './umctl-of-loop.ts';
import { waitsForServers, waitsForSlot, waitsForSlots, waitsForTable } from './waits-for-table.ts';
import { watch } from './watch-commands.ts';

/** As a Redis server without cluster mode answers them. */
const IN_CLUSTERS_ONLY: ReadonlySet<number> = new Set([
  COMMAND_ID.CLUSTER,
  COMMAND_ID.READONLY,
  COMMAND_ID.READWRITE,
  COMMAND_ID.ASKING,
]);
const NO_CLUSTER = errorReply('ERR This instance has cluster support disabled');

/** How commands are carried out that only the servers know. */
const CARRIER: Carrier = { refuse, waitsForSlot, forwardOne, rerun };

/**
 * Carries out whatever the fast path did not take, with checks in the order of Redis. False: it is for a slot
 * that is held, and waits.
 */
export function answerOther(client: Client, scanner: RequestScanner, span: Span): boolean {
  if ((client.session.detours & DETOUR.CACHING) === 0) return answerSkipping(client, scanner, span);
  const id = lookupCommand(span.bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
  const isDone = answerSkipping(client, scanner, span);
  // As in Redis, no subcommand of CLIENT is the one that CLIENT CACHING is about.
  if (isDone && !client.isHeld && id !== COMMAND_ID.CLIENT) endCaching(client);
  return isDone;
}

function answerSkipping(client: Client, scanner: RequestScanner, span: Span): boolean {
  if ((client.session.detours & DETOUR.SKIP) === 0) return answerChecked(client, scanner, span);
  client.beginSkip();
  const isDone = answerChecked(client, scanner, span);
  // A command that a pause holds back is still the one whose reply is skipped.
  if (isDone && !client.isHeld) endSkipWhenQuiet(client);
  else {
    client.endSkip();
    client.session.detours |= DETOUR.SKIP;
  }
  return isDone;
}

function answerChecked(client: Client, scanner: RequestScanner, span: Span): boolean {
  const { bytes } = span;
  const container = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
  const id = resolveSubcommand(container, bytes, scanner);
  if (id < 0) {
    const learned = learnedOf(client, scanner, bytes, container);
    if (learned === 'waits') return false;
    if (learned !== null) {
      return carryLearned(client, scanner, span, { command: learned, carrier: CARRIER });
    }
    if (isUnservedName(client, scanner, bytes, container) && waitsForTable(client)) return false;
  }
  const refusal = refusalBeforeRun(client, scanner, bytes, container, id);
  const { transaction } = client.session;
  if (refusal === NO_CLUSTER && transaction !== null) {
    // Redis says so when it executes the command.
    queueLocal(client, argumentsOf(scanner, bytes), NO_CLUSTER);
    return true;
  }
  if (refusal !== null) {
    refuse(client, id, refusal);
    return true;
  }
  if (id === COMMAND_ID.UMFORWARD) {
    const passed = takePassed(client, scanner, span, rerun);
    if (typeof passed === 'boolean') return passed;
    return carryToServer(client, scanner, passed.span, passed.id);
  }
  if (isForwarded(id) || isDedicated(id)) return carryToServer(client, scanner, span, id);
  if (isPubsub(id)) return carryPubsub(client, scanner, span, id);
  const barred = subscriberRefusal(client, id);
  if (barred !== null) refuse(client, id, barred);
  else if (isWaitingForScripts(client, id, scanner, bytes)) return false;
  else if (waitsForServers(client, id, container)) return false;
  else if (id === COMMAND_ID.EXEC && waitsForSlots(client, transaction?.slots ?? [])) {
    return false;
  } else if (holdIfPaused(client, id, span, rerun)) return true;
  else if (transaction !== null && !isRunAtOnce(id)) {
    const never = refusalToQueue(id);
    if (never !== null) refuse(client, id, never);
    else if (isQueuedForServers(client, id, container) || isAskedOfServer(scanner, span, id)) {
      noteQueued(client, id, scanner, bytes);
      queueForwarded(client, id, span, SLOT_NONE);
    } else queueLocal(client, argumentsOf(scanner, bytes), refusalInExec(id));
  } else if (isPackedTransaction(id, scanner, bytes)) {
    return takePacked(client, scanner, span, { queue: answerChecked, rerun });
  } else if (isFannedOut(id)) runOnAll(client, id, argumentsOf(scanner, bytes));
  else if (takeConfigOfServers(client, scanner, span, id)) return true;
  else {
    const name = commandName(container);
    // What goes to all servers is timed there.
    const timed = isForServers(name) ? null : timedCommand(client, span, id);
    answerHere(client, scanner, span, id, name);
    if (timed !== null) endWhenAnswered(client, timed);
  }
  return true;
}

/** A command for the proxy itself. `name`: that of the container, if `id` is a subcommand. */
function answerHere(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  id: number,
  name: string,
): void {
  if (isUmctlOfLoop(id, scanner, span.bytes)) {
    answerUmctl(client, argumentsOf(scanner, span.bytes));
  } else if (id === COMMAND_ID.INFO) takeInfo(client, scanner, span);
  else if (id === COMMAND_ID.UMCTL && takePeerCommand(client, scanner, span)) return;
  else if (id === COMMAND_ID.UMCTL && takeRedirectRequest(client, scanner, span)) return;
  else if (isControlCommand(name) && !isAboutSlotKeys(id)) {
    client.context.desk.take(client, scanner, span);
  } else runHere(client, id, name, argumentsOf(scanner, span.bytes));
}

/** In a transaction these go to its server, as if that were the only one. */
function isQueuedForServers(client: Client, id: number, container: number): boolean {
  if (isFannedOut(id)) return true;
  // The server knows which of the commands around it are tracked.
  if (id === COMMAND_ID.CLIENT_CACHING) return client.tracking !== null;
  return isForServers(commandName(container)) && !commandName(id).endsWith('|help');
}

/** PUBLISH, SUBSCRIBE and their like. False: it is for a slot that is held, and waits. */
function carryPubsub(client: Client, scanner: RequestScanner, span: Span, id: number): boolean {
  const slot = channelSlot(client, scanner, span, id);
  if (waitsForSlot(client, slot)) return false;
  if (id === COMMAND_ID.PUBLISH && waitsForTable(client)) return false;
  const refusal = pubsubRefusal(client, id, slot);
  if (refusal !== null) refuse(client, id, refusal);
  else if (holdIfPaused(client, id, span, rerun)) return true;
  else {
    const carry = client.session.transaction === null ? runPubsub : queuePubsub;
    carry(client, id, span, { slot, args: argumentsOf(scanner, span.bytes) });
  }
  return true;
}

// Cold path: once per pause of a client.
/** Carries out a command that waited for the end of a pause. */
function rerun(client: Client, command: Buffer): void {
  const { scanner } = client.context.loop;
  const end = scanner.scan(command, 0, command.length);
  if (answerOther(client, scanner, { bytes: command, start: 0, end })) return;
  client.whenUnparked(() => rerun(client, command));
}

/** `name`: that of the container, if `id` is a subcommand. */
function runHere(client: Client, id: number, name: string, args: readonly Buffer[]): void {
  switch (id) {
    case COMMAND_ID.MULTI:
      multi(client);
      break;
    case COMMAND_ID.EXEC:
      exec(client);
      break;
    case COMMAND_ID.DISCARD:
      discard(client);
      break;
    default:
      answerCommand(client, name, args);
  }
}

/** Why a command is not even looked at closer, whatever its keys. */
function refusalBeforeRun(
  client: Client,
  scanner: RequestScanner,
  bytes: Buffer,
  container: number,
  id: number,
): Buffer | null {
  if (id < 0) {
    if (isUnservedName(client, scanner, bytes, container)) return REPLY_SLOT_DOWN;
    const args = argumentsOf(scanner, bytes);
    return id === UNKNOWN_SUBCOMMAND ? unknownSubcommandReply(args) : unknownCommandReply(args);
  }
  if (!isArityOk(id, scanner.argc)) return arityReply(commandName(id));
  if (!client.session.isAuthenticated && !isAllowedWithoutPassword(commandName(container))) {
    return REPLY_NOAUTH;
  }
  if (client.context.isPlain && IN_CLUSTERS_ONLY.has(container)) return NO_CLUSTER;
  const { transaction } = client.session;
  if (transaction !== null && isFannedOut(id) && client.context.servers.length > 1) {
    return errorReply(refusalText(`${commandName(id)} in MULTI`, 'it is for all servers at once'));
  }
  const reason = refusalOf(id);
  return reason === '' ? null : errorReply(reason);
}

/** As in Redis, what cannot be queued lets the transaction fail, and a refused EXEC ends it. */
function refuse(client: Client, id: number, refusal: Buffer): void {
  if (id === COMMAND_ID.EXEC) {
    abandon(client);
    client.reply(execAbortReply(refusal));
    return;
  }
  const { transaction } = client.session;
  transaction?.abort(refusal);
  if (transaction?.isWhole !== true) client.reply(refusal);
}

/** A command for the server of its keys: forwarded, queued, or redirected. False: it waits. */
function carryToServer(client: Client, scanner: RequestScanner, span: Span, id: number): boolean {
  const { context, session } = client;
  const { keys } = context;
  const keyCount = findKeys(id, span.bytes, scanner, keys);
  const isQueued = session.transaction !== null;
  const isBlocking = isDedicated(id) || keyCount === BLOCKS;
  const isKeyless = keyCount === SCRIPT_WITHOUT_KEYS;
  const barred = subscriberRefusal(client, id);
  if (barred !== null && (context.isPlain || keyCount < 0)) {
    refuse(client, id, barred);
    return true;
  }
  if (keyCount < 0 && keyCount !== BLOCKS && !isKeyless) {
    const error = errorReply(keyErrorText(id, keyCount, context.isPlain));
    const isPlaceFirst = isOptionFault(keyCount) && !context.isPlain;
    const slot = isPlaceFirst ? slotOfKeys(span.bytes, scanner, keys) : SLOT_NONE;
    if (waitsForSlot(client, slot)) return false;
    const misplaced = isPlaceFirst ? keysRefusal(client, id, slot, false) : null;
    if (misplaced !== null) refuse(client, id, misplaced);
    // Redis finds this when it executes the command.
    else if (isQueued) queueLocal(client, argumentsOf(scanner, span.bytes), error);
    else client.reply(error);
    return true;
  }
  if (isKeyless && waitsForTable(client)) return false;
  const commonSlot = slotOfKeys(span.bytes, scanner, keys);
  const slots =
    commonSlot === SLOTS_DIFFER && isForShard(client, id)
      ? slotsOfKeys(context, scanner, span.bytes)
      : null;
  const slot = slots === null ? commonSlot : slotOfShard(client, id, slots);
  if (waitsForSlots(client, slots ?? [slot]) || waitsForCodec(client, id)) return false;
  if (slot === SLOTS_DIFFER && !isQueued && barred === null) {
    const outcome = carrySplit(client, { scanner, span, id }, rerun);
    if (outcome !== 'whole') return outcome === 'done';
  }
  const isForMaster = needsMaster(client, scanner, span, id);
  // As in Redis, keys of other nodes are redirected whatever the client may send.
  const refusal =
    (isKeyless ? serverRefusal(client) : keysRefusal(client, id, slot, isForMaster)) ?? barred;
  if (refusal !== null) {
    refuse(client, id, refusal);
    return true;
  }
  if (holdIfPaused(client, id, span, rerun)) return true;
  if (id === COMMAND_ID.WATCH) {
    watch(client, scanner, span, slots ?? new Set([slot]));
    return true;
  }
  session.transaction?.noteSlots(slots ?? []);
  if (concernsValues(id) && compressionOf(context, slot) !== null) {
    carryValues(client, { scanner, span, id, slot });
  } else {
    const target = isKeyless ? 0 : (context.table.slots[slot] ?? 0);
    if (!isScriptReady(client, id, scanner, span.bytes, target)) return false;
    if (isQueued) {
      if (isForMaster && session.transaction !== null) session.transaction.needsMaster = true;
      if (concernsValues(id)) session.transaction?.noteValues(null, false);
      queueForwarded(client, id, span, slot);
    } else if (isBlocking) runBlocking(client, span, slot, isForMaster);
    else forwardOne(client, span, target);
  }
  return true;
}

/** Whether a command waits because its cluster compresses values and this loop cannot do it yet. */
function waitsForCodec(client: Client, id: number): boolean {
  const { compression } = client.context;
  const isLoading =
    compression !== null && compression.codec === null && compression.failure === null;
  if (!isLoading || !concernsValues(id)) return false;
  client.context.park(client);
  return true;
}

/** A command with string values for a local server, in a cluster that compresses them. */
function carryValues(
  client: Client,
  { scanner, span, id, slot }: { scanner: RequestScanner; span: Span; id: number; slot: number },
): void {
  const { context, session } = client;
  const compression = context.compression!;
  const refusal = valueRefusal(compression, id);
  if (refusal !== null) return refuse(client, id, refusal);
  const form = storedForm(compression.codec!, scanner, span, id);
  if (session.transaction !== null) {
    session.transaction.noteValues(compression, form.codec !== null);
    queueForwarded(client, id, form.span, slot);
  } else {
    const target = context.table.slots[slot]!;
    const connection = connectionFor(client, context.groups[target]!);
    if (form.codec === null) forwardOne(client, form.span, target);
    else {
      const timed = timedCommand(client, span, id);
      forwardDecoded(client, connection, form.span, form.codec, timed);
    }
  }
}

function argumentsOf(scanner: RequestScanner, bytes: Buffer): Buffer[] {
  const args: Buffer[] = [];
  for (let i = 0; i < scanner.argc; i++) {
    args.push(Buffer.from(bytes.subarray(scanner.argStart[i], scanner.argEnd[i])));
  }
  return args;
}
