import { encodeCommand, type RequestScanner, type RespValue } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import { SLOT_NONE, slotOfKeys, SLOTS_DIFFER } from '../core/command-keys.ts';
import { refusalText } from '../core/command-lookup.ts';
import {
  findLearnedKeys,
  isLearnedArityOk,
  KEYS_UNKNOWN,
  type LearnedCommand,
} from '../core/learned-command.ts';
import {
  arityReply,
  errorReply,
  REPLY_CROSSSLOT,
  REPLY_NOAUTH,
  REPLY_SLOT_DOWN,
} from '../core/replies.ts';
import { DETOUR } from '../core/session.ts';
import { runBlocking } from './blocking-commands.ts';
import type { Client, Span } from './proxy-context.ts';
import { knownCommand, learnedName } from './learned-lookup.ts';
import { shardRefusal } from './shard-slots.ts';
import { slotRefusal } from './slot-refusal.ts';
import { queueForwarded } from './transaction-commands.ts';

const NO_ID = -1;
const NOT_IN_TRANSACTION = errorReply('ERR Command not allowed inside a transaction');
const NO_KEY = 'it names no key, so no node can be chosen for it; send it to the Redis server';
const FOR_ONE_SERVER = 'it manages one Redis server; send it to that server';
const KEYS_NOT_TOLD = 'no server told which of its words are keys';
const HAS_STATE = 'it changes the state of its connection, and connections are shared';

/** What the commands that the proxy knows are carried out by, too. */
export interface Carrier {
  refuse(client: Client, id: number, refusal: Buffer): void;
  waitsForSlot(client: Client, slot: number): boolean;
  forwardOne(client: Client, span: Span, target: number): void;
  rerun(client: Client, command: Buffer): void;
}

/** What is known about a command that the proxy does not know; 'waits': the client does, a server was asked. */
export function learnedOf(
  client: Client,
  scanner: RequestScanner,
  bytes: Buffer,
  container: number,
): LearnedCommand | null | 'waits' {
  const { context, session } = client;
  const name = learnedName(scanner, bytes, container);
  if (name === null) return null;
  const found = knownCommand(context, name, scanner, bytes);
  if (found !== undefined) return found;
  if (!session.isAuthenticated) return null;
  if (!context.learned.learn(context, [name], () => client.unpark())) return null;
  client.park();
  return 'waits';
}

/** Carries out a learned command, with the checks of Redis. False: it waits. */
export function carryLearned(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  { command, carrier }: { readonly command: LearnedCommand; readonly carrier: Carrier },
): boolean {
  const early = refusalOf(client, scanner, command);
  if (early !== null) return refused(client, early, carrier);
  const slot = slotOf(client, scanner, span, command);
  if (slot === 'waits') return false;
  if (typeof slot !== 'number') return refused(client, slot, carrier);
  if (carrier.waitsForSlot(client, slot)) return false;
  const isWrite = command.flags.has('write');
  const refusal = placeRefusal(client, command, slot, isWrite);
  if (refusal !== null) return refused(client, refusal, carrier);
  const { context, session } = client;
  if ((session.detours & DETOUR.PAUSE) !== 0 && session.transaction?.isWhole !== true) {
    const frame = Buffer.from(span.bytes.subarray(span.start, span.end));
    const rerun = (): void => carrier.rerun(client, frame);
    if (context.directory.holdIfPaused(client, isWrite, rerun)) return true;
  }
  if (session.transaction !== null) {
    session.transaction.isWriting ||= isWrite;
    session.transaction.needsMaster ||= isWrite;
    queueForwarded(client, NO_ID, span, slot);
  } else if (command.flags.has('blocking')) runBlocking(client, span, slot, isWrite);
  else carrier.forwardOne(client, span, slot < 0 ? 0 : (context.table.slots[slot] ?? 0));
  return true;
}

function refused(client: Client, refusal: Buffer, carrier: Carrier): true {
  carrier.refuse(client, NO_ID, refusal);
  return true;
}

function refusalOf(
  { session }: Client,
  { argc }: RequestScanner,
  command: LearnedCommand,
): Buffer | null {
  const { name, flags } = command;
  if (!isLearnedArityOk(command, argc)) return arityReply(name);
  if (!session.isAuthenticated) return REPLY_NOAUTH;
  if (flags.has('admin')) return errorReply(refusalText(name, FOR_ONE_SERVER));
  if (flags.has('pubsub')) return errorReply(refusalText(name, HAS_STATE));
  return session.transaction !== null && flags.has('no_multi') ? NOT_IN_TRANSACTION : null;
}

/** The slot of the keys, or why there is none. */
function slotOf(
  client: Client,
  scanner: RequestScanner,
  { bytes }: Span,
  command: LearnedCommand,
): number | Buffer | 'waits' {
  const { keys, learned } = client.context;
  if (findLearnedKeys(command, bytes, scanner, keys) !== KEYS_UNKNOWN) {
    return slotOfKeys(bytes, scanner, keys);
  }
  const words = Array.from({ length: scanner.argc }, (_, i) =>
    bytes.subarray(scanner.argStart[i], scanner.argEnd[i]),
  );
  const question = encodeCommand(['COMMAND', 'GETKEYS', ...words]);
  const reply = learned.answerTo(client, question);
  if (reply !== undefined) return slotOfReply(command, reply);
  if (!learned.ask(client, question)) return REPLY_SLOT_DOWN;
  client.park();
  return 'waits';
}

/** Of the keys that the server has named. */
function slotOfReply({ name }: LearnedCommand, reply: RespValue | null): number | Buffer {
  if (reply?.type === 'error') {
    return /no key arguments/.test(reply.value) ? SLOT_NONE : errorReply(reply.value);
  }
  if (reply?.type !== 'array') return errorReply(refusalText(name, KEYS_NOT_TOLD));
  let slot = SLOT_NONE;
  for (const item of reply.items) {
    if (item.type !== 'bulk') return errorReply(refusalText(name, KEYS_NOT_TOLD));
    const next = keySlot(item.value, 0, item.value.length);
    if (slot >= 0 && next !== slot) return SLOTS_DIFFER;
    slot = next;
  }
  return slot;
}

function placeRefusal(
  client: Client,
  { name, flags }: LearnedCommand,
  slot: number,
  isWrite: boolean,
): Buffer | null {
  const { context } = client;
  if (slot === SLOTS_DIFFER) return REPLY_CROSSSLOT;
  if (slot !== SLOT_NONE) {
    return slotRefusal(context, slot, isWrite) ?? shardRefusal(client, NO_ID, slot);
  }
  if (isWrite || flags.has('blocking')) return errorReply(refusalText(name, NO_KEY));
  return context.servers.length > 0 ? null : REPLY_SLOT_DOWN;
}
