import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import { redirectionOf } from '../core/redirection.ts';
import {
  errorReply,
  REPLY_CROSSSLOT,
  REPLY_OK,
  REPLY_SLOT_DOWN,
  REPLY_TRANSACTION_APART,
} from '../core/replies.ts';
import { DETOUR } from '../core/session.ts';
import type { BackendConnection } from './backend-connection.ts';
import { dropLease, giveLease, takeLease } from './client-leases.ts';
import { type Lease, type LeaseHolder, REPLY_NO_CONNECTION } from './dedicated-pool.ts';
import type { Client, Span, Watching } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';
import { areTogether } from './shard-slots.ts';
import { slotRefusal } from './slot-refusal.ts';

const UNWATCH = encodeCommand(['UNWATCH']);
const WATCH_IN_MULTI = errorReply('ERR WATCH inside MULTI is not allowed');

/**
 * WATCH of keys in these slots: takes place on a connection that the session keeps until EXEC, DISCARD, UNWATCH or
 * RESET.
 */
export function watch(
  client: Client,
  scanner: RequestScanner,
  { bytes }: Span,
  slots: ReadonlySet<number>,
): void {
  if (client.session.transaction !== null) {
    client.reply(WATCH_IN_MULTI);
    return;
  }
  const keys: Buffer[] = [];
  for (let i = 1; i < scanner.argc; i++) {
    keys.push(Buffer.from(bytes.subarray(scanner.argStart[i], scanner.argEnd[i])));
  }
  // Own changes made before it must not let EXEC fail: they went over another connection.
  client.whenQuiet(() => start(client, keys, slots));
}

/** Back to the connections that sessions share. Nothing may be owed. */
export function endWatch(client: Client, isClean: boolean): void {
  const { watching, session } = client;
  if (watching === null) return;
  client.watching = null;
  session.detours &= ~DETOUR.WATCH;
  watching.end(isClean);
}

function start(client: Client, keys: readonly Buffer[], slots: ReadonlySet<number>): void {
  const { context, session } = client;
  const [slot = 0] = slots;
  // It may have become another one by now.
  const refusal = areTogether(context, slots)
    ? slotRefusal(context, slot, false)
    : REPLY_TRANSACTION_APART;
  const group = context.groups[context.table.slots[slot] ?? 0];
  if (refusal !== null || group === undefined) {
    client.reply(refusal ?? REPLY_SLOT_DOWN);
    return;
  }
  const known = client.watching;
  if (known?.isBroken === true) client.reply(REPLY_OK);
  else if (known instanceof Watch && known.address === group.address) known.add(keys, slots);
  else if (known !== null) {
    client.reply(context.isPlain ? REPLY_TRANSACTION_APART : REPLY_CROSSSLOT);
  } else {
    const watching = new Watch(client);
    const lease = takeLease(client, group, watching);
    if (lease === null) {
      client.reply(REPLY_NO_CONNECTION);
      return;
    }
    client.watching = watching;
    session.detours |= DETOUR.WATCH;
    watching.begin(lease, keys, slots);
  }
}

class Watch implements Watching, LeaseHolder {
  readonly isBlocking = false;
  readonly #client: Client;
  readonly #slots = new Set<number>();
  #lease: Lease | null = null;
  #isOutdated = false;

  constructor(client: Client) {
    this.#client = client;
  }

  get address(): NodeAddress {
    return this.connection.options.address;
  }

  get connection(): BackendConnection {
    if (this.#lease === null) throw new Error('a watch without a connection');
    return this.#lease.connection;
  }

  /** What was watched may have been changed unseen. */
  get isBroken(): boolean {
    return this.#isOutdated || this.#lease === null || this.#lease.isLost;
  }

  begin(lease: Lease, keys: readonly Buffer[], slots: ReadonlySet<number>): void {
    this.#lease = lease;
    this.add(keys, slots);
  }

  add(keys: readonly Buffer[], slots: ReadonlySet<number>): void {
    for (const slot of slots) this.#slots.add(slot);
    const { connection } = this;
    if (connection.options.isPeer)
      this.#addAtPeer(connection, slots.size > 1 ? bySlot(keys) : [keys]);
    else {
      const command = watchOf(keys);
      this.#client.forward(connection, 1, command, 0, command.length);
    }
  }

  /** Another proxy takes keys of one slot at a time. The client gets one reply: the first error, or OK. */
  #addAtPeer(connection: BackendConnection, parts: readonly (readonly Buffer[])[]): void {
    let left = parts.length;
    const failures: (string | null)[] = [];
    const take = (text: string | null): void => {
      if (this.#isFailure(text)) failures.push(text);
      if (--left === 0) this.#onPeerReply(connection, failures.length === 0 ? '+OK' : failures[0]);
    };
    let isSent = false;
    for (const part of parts) {
      const command = watchOf(part);
      // Once the first is accepted the others are: nothing comes in between.
      isSent = connection.request(new ReplyText(take, false), 1, false, command, 0, command.length);
    }
    if (isSent) this.#client.owe(connection);
  }

  speak(protocol: 2 | 3): void {
    if (this.#lease === null) return;
    this.#lease.protocol = protocol;
    this.#send(encodeCommand(['HELLO', String(protocol)]));
  }

  end(isClean: boolean): void {
    if (this.#lease === null) return;
    if (!isClean) this.#send(UNWATCH);
    giveLease(this.#client, this.#lease, this);
    this.#lease = null;
  }

  cancel(): void {
    if (this.#lease !== null) dropLease(this.#client, this.#lease, this);
    this.#lease = null;
  }

  onTableChange(): void {
    const { table, groups } = this.#client.context;
    for (const slot of this.#slots) {
      const group = groups[table.slots[slot] ?? -1];
      if (group?.address !== this.address) this.#isOutdated = true;
    }
  }

  onTick(): void {}

  /** Another proxy that redirects has not watched: EXEC will fail. Null: there is no reply. */
  #isFailure(text: string | null): boolean {
    if (text === null) return true;
    const isRedirected = redirectionOf(Buffer.from(`${text}\r\n`, 'latin1')) !== null;
    this.#isOutdated ||= isRedirected;
    return text.startsWith('-') && !isRedirected;
  }

  #onPeerReply(connection: BackendConnection, text: string | null = null): void {
    const client = this.#client;
    const reply = Buffer.from(`${text ?? ''}\r\n`, 'latin1');
    if (text === null) client.onReplyLoss(connection, 1, 'lost', false);
    else client.onReplyBytes(connection, reply, 0, reply.length, 1);
  }

  #send(command: Buffer): void {
    const sink = new ReplyText(() => undefined);
    this.connection.request(sink, 1, false, command, 0, command.length);
  }
}

function watchOf(keys: readonly Buffer[]): Buffer {
  return encodeCommand(['WATCH', ...keys]);
}

function bySlot(keys: readonly Buffer[]): Buffer[][] {
  const parts = new Map<number, Buffer[]>();
  for (const key of keys) {
    const slot = keySlot(key, 0, key.length);
    const part = parts.get(slot);
    if (part === undefined) parts.set(slot, [key]);
    else part.push(key);
  }
  return [...parts.values()];
}
