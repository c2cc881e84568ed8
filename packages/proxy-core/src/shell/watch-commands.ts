import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
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
import { slotRefusal } from './slot-refusal.ts';

const UNWATCH = encodeCommand(['UNWATCH']);
const WATCH_IN_MULTI = errorReply('ERR WATCH inside MULTI is not allowed');

/** WATCH: takes place on a connection that the session keeps until EXEC, DISCARD, UNWATCH or RESET. */
export function watch(client: Client, span: Span, slot: number): void {
  if (client.session.transaction !== null) {
    client.reply(WATCH_IN_MULTI);
    return;
  }
  const command = Buffer.from(span.bytes.subarray(span.start, span.end));
  // Own changes made before it must not let EXEC fail: they went over another connection.
  client.whenQuiet(() => start(client, command, slot));
}

/** Back to the connections that sessions share. Nothing may be owed. */
export function endWatch(client: Client, isClean: boolean): void {
  const { watching, session } = client;
  if (watching === null) return;
  client.watching = null;
  session.detours &= ~DETOUR.WATCH;
  watching.end(isClean);
}

function start(client: Client, command: Buffer, slot: number): void {
  const { context, session } = client;
  const refusal = slotRefusal(context, slot, false);
  const group = context.groups[context.table.slots[slot] ?? 0];
  if (refusal !== null || group === undefined) {
    client.reply(refusal ?? REPLY_SLOT_DOWN);
    return;
  }
  const known = client.watching;
  if (known?.isBroken === true) client.reply(REPLY_OK);
  else if (known !== null && context.isPlain && !known.slots.has(slot)) {
    client.reply(REPLY_TRANSACTION_APART);
  } else if (known instanceof Watch && known.address === group.address) known.add(command, slot);
  else if (known !== null) client.reply(REPLY_CROSSSLOT);
  else {
    const watching = new Watch(client);
    const lease = takeLease(client, group, watching);
    if (lease === null) {
      client.reply(REPLY_NO_CONNECTION);
      return;
    }
    client.watching = watching;
    session.detours |= DETOUR.WATCH;
    watching.begin(lease, command, slot);
  }
}

class Watch implements Watching, LeaseHolder {
  readonly isBlocking = false;
  readonly #client: Client;
  readonly slots: Set<number> = new Set<number>();
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

  begin(lease: Lease, command: Buffer, slot: number): void {
    this.#lease = lease;
    this.add(command, slot);
  }

  add(command: Buffer, slot: number): void {
    this.slots.add(slot);
    const { connection } = this;
    const client = this.#client;
    if (!connection.options.isPeer) client.forward(connection, 1, command, 0, command.length);
    else {
      const sink = new ReplyText((text) => this.#onPeerReply(connection, text));
      if (connection.request(sink, 1, false, command, 0, command.length)) client.owe(connection);
    }
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
    for (const slot of this.slots) {
      const group = groups[table.slots[slot] ?? -1];
      if (group?.address !== this.address) this.#isOutdated = true;
    }
  }

  onTick(): void {}

  /** Another proxy that redirects has not watched: EXEC will fail. */
  #onPeerReply(connection: BackendConnection, text: string | null): void {
    const client = this.#client;
    const reply = Buffer.from(`${text ?? ''}\r\n`, 'latin1');
    if (text === null) client.onReplyLoss(connection, 1, 'lost', false);
    else if (redirectionOf(reply) === null) {
      client.onReplyBytes(connection, reply, 0, reply.length, 1);
    } else {
      this.#isOutdated = true;
      client.onReplyBytes(connection, REPLY_OK, 0, REPLY_OK.length, 1);
    }
  }

  #send(command: Buffer): void {
    const sink = new ReplyText(() => undefined);
    this.connection.request(sink, 1, false, command, 0, command.length);
  }
}
