import type { RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { locateKeys, SLOT_NONE, slotOfKeys, SLOTS_DIFFER } from '../core/command-keys.ts';
import { commandName, refusalText } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import {
  errorReply,
  REPLY_CROSSSLOT,
  REPLY_NOAUTH,
  REPLY_OK,
  REPLY_SLOT_DOWN,
} from '../core/replies.ts';
import type { TopicKind } from '../core/subscriptions.ts';
import type { Client, Span } from './proxy-context.ts';
import { publish, publishForPeer, publishSharded } from './publish-command.ts';
import { shardRefusal } from './shard-slots.ts';
import { slotRefusal } from './slot-refusal.ts';
import { queueLocal, queuePublish } from './transaction-commands.ts';

const NO_SSUBSCRIBE = errorReply("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
const NOT_ONE_REPLY =
  'EXEC has one reply for it, and a subscription is confirmed by messages; send it before MULTI or after EXEC';
const LINK_IN_USE = errorReply('ERR the connection is in use already');

/** Commands that begin or end subscriptions. */
const SUBSCRIPTIONS: ReadonlyMap<number, readonly [kind: TopicKind, isOn: boolean]> = new Map([
  [COMMAND_ID.SUBSCRIBE, ['channel', true]],
  [COMMAND_ID.UNSUBSCRIBE, ['channel', false]],
  [COMMAND_ID.PSUBSCRIBE, ['pattern', true]],
  [COMMAND_ID.PUNSUBSCRIBE, ['pattern', false]],
  [COMMAND_ID.SSUBSCRIBE, ['shard', true]],
  [COMMAND_ID.SUNSUBSCRIBE, ['shard', false]],
]);

/** What else a client with subscriptions may send in protocol 2. */
const ALWAYS_ALLOWED: ReadonlySet<number> = new Set([
  COMMAND_ID.PING,
  COMMAND_ID.QUIT,
  COMMAND_ID.RESET,
]);

/** Whether a command publishes, or begins or ends subscriptions. */
export function isPubsub(id: number): boolean {
  return id === COMMAND_ID.PUBLISH || id === COMMAND_ID.SPUBLISH || SUBSCRIPTIONS.has(id);
}

/** Why a client with subscriptions may not send this command; null: it may. */
export function subscriberRefusal({ session }: Client, id: number): Buffer | null {
  if (!session.isSubscriberOnly || SUBSCRIPTIONS.has(id) || ALWAYS_ALLOWED.has(id)) return null;
  const allowed = '(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET';
  const text = `only ${allowed} are allowed in this context`;
  return errorReply(`ERR Can't execute '${commandName(id)}': ${text}`);
}

/** The slot that decides where such a command belongs: SLOT_NONE if anywhere, or SLOTS_DIFFER. */
export function channelSlot(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  id: number,
): number {
  const { keys } = client.context;
  const isOfSlot =
    id === COMMAND_ID.SPUBLISH || (SUBSCRIPTIONS.get(id)?.[0] === 'shard' && !isFree(client));
  if (!isOfSlot || locateKeys(id, span.bytes, scanner, keys) <= 0) return SLOT_NONE;
  return slotOfKeys(span.bytes, scanner, keys);
}

/** Why such a command is not carried out, or not queued; null: it is. */
export function pubsubRefusal(client: Client, id: number, slot: number): Buffer | null {
  const { context, session } = client;
  if (slot === SLOTS_DIFFER) return REPLY_CROSSSLOT;
  if (slot !== SLOT_NONE) {
    const refusal = slotRefusal(context, slot, true) ?? shardRefusal(client, id, slot);
    if (refusal !== null) return refusal;
    // Another proxy is not led on to a third one.
    const isElsewhere = (context.owners.slots[slot] ?? -1) >= context.owners.peerStart;
    if (session.isPeerLink && isElsewhere) return REPLY_SLOT_DOWN;
  }
  const refusal = subscriberRefusal(client, id);
  if (refusal !== null) return refusal;
  const isBegun = id === COMMAND_ID.SUBSCRIBE || id === COMMAND_ID.PSUBSCRIBE;
  if (session.transaction === null || !isBegun) return null;
  return errorReply(refusalText(`${commandName(id).toUpperCase()} in MULTI`, NOT_ONE_REPLY));
}

/** Queues such a command, which nothing speaks against. */
export function queuePubsub(
  client: Client,
  id: number,
  span: Span,
  { slot, args }: { readonly slot: number; readonly args: readonly Buffer[] },
): void {
  if (!SUBSCRIPTIONS.has(id)) {
    queuePublish(client, id, span, { slot, channel: args[1] });
    return;
  }
  if (slot !== SLOT_NONE) client.session.transaction?.noteSlot(slot);
  queueLocal(client, args, id === COMMAND_ID.SSUBSCRIBE ? NO_SSUBSCRIBE : null);
}

/** Carries out such a command, which nothing speaks against. */
export function runPubsub(
  client: Client,
  id: number,
  span: Span,
  { slot, args }: { readonly slot: number; readonly args: readonly Buffer[] },
): void {
  const { pubsub } = client.context;
  const [, channel, message] = args;
  const subscription = SUBSCRIPTIONS.get(id);
  if (subscription !== undefined) {
    const [kind, isOn] = subscription;
    const names = args.slice(1).map((name) => name.toString('latin1'));
    // Messages follow the confirmation, which has its place among the replies.
    client.whenQuiet(() => {
      if (isOn) pubsub.subscribe(client, kind, names);
      else pubsub.unsubscribe(client, kind, names);
    });
  } else if (channel !== undefined && message !== undefined) {
    if (id === COMMAND_ID.PUBLISH) publish(client, span, channel, message);
    else publishSharded(client, span, channel, slot);
  }
}

/** UMCTL PUBSUB, which is for other proxies. False: the command is not that. */
export function takePeerCommand(client: Client, scanner: RequestScanner, { bytes }: Span): boolean {
  if (!argumentIs('PUBSUB', bytes, scanner, 1)) return false;
  const isLink = scanner.argc === 3 && argumentIs('LINK', bytes, scanner, 2);
  const isPublish = scanner.argc === 5 && argumentIs('PUBLISH', bytes, scanner, 2);
  if (!isLink && !isPublish) return false;
  const wordAt = (index: number): Buffer =>
    Buffer.from(bytes.subarray(scanner.argStart[index], scanner.argEnd[index]));
  if (!client.session.isAuthenticated) client.reply(REPLY_NOAUTH);
  else if (isPublish) publishForPeer(client, wordAt(3), wordAt(4));
  else if (client.session.subscriptions !== null) client.reply(LINK_IN_USE);
  else {
    client.session.isPeerLink = true;
    client.reply(REPLY_OK);
  }
  return true;
}

/** Whether the client may subscribe to shard channels of any slots in one command. */
function isFree({ context, session }: Client): boolean {
  return context.isPlain && !session.isPeerLink;
}
