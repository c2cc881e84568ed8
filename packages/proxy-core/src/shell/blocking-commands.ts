import { blockingTimeoutMs } from '../core/blocking-timeout.ts';
import { SLOT_NONE } from '../core/command-keys.ts';
import { redirectionOf } from '../core/redirection.ts';
import { errorReply, REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import { dropLease, giveLease, takeLease } from './client-leases.ts';
import type { BackendGroup } from './backend-pool.ts';
import { type Lease, type LeaseHolder, REPLY_NO_CONNECTION } from './dedicated-pool.ts';
import { endWait } from './end-wait.ts';
import { lossReply } from './loss-reply.ts';
import type { BackendLoss } from './lost-replies.ts';
import type { Blocking, Client, Patience, Redirected, Span } from './proxy-context.ts';
import { slotRefusal } from './slot-refusal.ts';
import { waitForReplicas } from './wait-command.ts';
import { waitsForSlot, waitsForTable } from './waits-for-table.ts';

const ERROR_MARKER = 0x2d;

/**
 * Sends a command that may wait on its server over a connection of its own. What the client sends after it
 * is kept until the reply. `slot` of the command's keys, SLOT_NONE for WAIT and WAITAOF.
 */
export function runBlocking(client: Client, span: Span, slot: number, needsMaster: boolean): void {
  const command = Buffer.from(span.bytes.subarray(span.start, span.end));
  // What was sent before it must have been executed: it went over another connection.
  client.whenQuiet(() => begin(client, command, slot, needsMaster));
}

function begin(client: Client, command: Buffer, slot: number, needsMaster: boolean): void {
  // It sent this and then the end: nothing may be popped for it.
  if (client.isEnding) return;
  const { context } = client;
  const isHeld = slot === SLOT_NONE ? waitsForTable(client) : waitsForSlot(client, slot);
  if (isHeld) {
    client.whenUnparked(() => begin(client, command, slot, needsMaster));
    return;
  }
  if (slot === SLOT_NONE) {
    waitForReplicas(client, command, timeoutOf(client, command));
    return;
  }
  const refusal = slotRefusal(context, slot, needsMaster);
  const group = context.groups[context.table.slots[slot] ?? 0];
  if (refusal !== null || group === undefined) {
    client.reply(refusal ?? REPLY_SLOT_DOWN);
    return;
  }
  const call = new BlockedCall(client, command, slot, needsMaster);
  const lease = takeLease(client, group, call);
  if (lease === null) client.reply(REPLY_NO_CONNECTION);
  else call.begin(lease);
}

/** How long the server lets a command wait; null: perhaps for ever. */
function timeoutOf({ context }: Client, command: Buffer): number | null {
  const { secondScanner } = context;
  secondScanner.scan(command, 0, command.length);
  return blockingTimeoutMs(command, secondScanner);
}

/** A command that waits on its server, and the connection that it has for itself meanwhile. */
class BlockedCall implements Blocking, LeaseHolder, ReplySink, Redirected {
  /** The connection has no other commands. */
  readonly owner = null;
  readonly isBlocking = true;
  readonly client: Client;
  readonly slot: number;
  readonly timeoutMs: number | null;
  readonly slots: readonly [number];
  readonly #command: Buffer;
  readonly #needsMaster: boolean;
  #lease: Lease | null = null;
  /** What the client gets instead of an error of the server, once its slot is not served here any more. */
  #redirection: Buffer | null = null;
  #redirectedAtMs = 0;
  /** An error of the server, as far as it has come. */
  #error: Buffer[] = [];
  #isHeld = false;
  #isStarted = false;
  /** The connection that the client waits for a reply of; others may have been asked since. */
  #owedBy: BackendConnection | null = null;
  #patience: Patience | null = null;

  constructor(client: Client, command: Buffer, slot: number, needsMaster: boolean) {
    this.client = client;
    this.slot = slot;
    this.slots = [slot];
    this.#command = command;
    this.timeoutMs = timeoutOf(client, command);
    this.#needsMaster = needsMaster;
  }

  get patience(): Patience {
    return (this.#patience ??= this.client.context.redirects.patienceOf(this.client));
  }

  begin(lease: Lease): void {
    const { connection } = lease;
    const command = this.#command;
    this.#owedBy = connection;
    this.#lease = lease;
    this.client.blocked = this;
    if (!connection.request(this, 1, false, command, 0, command.length)) {
      this.client.reply(unreachableReply(lease.address));
      this.#finish();
      return;
    }
    this.client.owe(connection);
    this.client.whenQuiet(() => this.#finish());
  }

  unblock(reason: 'TIMEOUT' | 'ERROR', take: (isEnded: boolean) => void): void {
    if (this.#lease === null) take(false);
    else {
      const { dedicated } = this.client.context;
      const onText = (text: string | null): void => take(text === ':1');
      endWait(dedicated, this.#lease, reason, { onAnswer: onText, onUnsent: () => take(false) });
    }
  }

  /** The client is gone: closing the connection takes the command off the server. */
  cancel(): void {
    if (this.#lease !== null) dropLease(this.client, this.#lease, this);
    this.#lease = null;
  }

  onTableChange(): void {
    const { context } = this.client;
    if (this.#lease === null || this.#redirection !== null) return;
    const owner = context.table.slots[this.slot] ?? -1;
    const refusal = slotRefusal(context, this.slot, this.#needsMaster);
    // A slot that went to the other server beside this proxy: the client may come again.
    if (refusal === null && context.groups[owner]?.address === this.#lease.address) return;
    this.#redirection = refusal ?? errorReply('TRYAGAIN the slot is served by another server now');
    this.#redirectedAtMs = context.loop.watchedMs;
    this.#endForRedirection(this.#lease);
  }

  onTick(): void {
    const { loop, replyTimeout } = this.client.context;
    if (this.#redirection === null || this.#lease === null) return;
    if (loop.watchedMs - this.#redirectedAtMs >= replyTimeout.ms) {
      dropLease(this.client, this.#lease, this);
    }
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      const mayBeRedirected = this.#redirection !== null || source.options.isPeer;
      this.#isHeld = mayBeRedirected && bytes[start] === ERROR_MARKER;
    }
    if (!this.#isHeld) {
      this.client.onReplyBytes(this.#owedBy ?? source, bytes, start, end, completed);
      return;
    }
    this.#error.push(Buffer.from(bytes.subarray(start, end)));
    if (completed > 0) this.#takeError(source);
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    const isPassedInPart = isCut && !this.#isHeld;
    if (this.#redirection === null || isPassedInPart) {
      this.client.onReplyLoss(this.#owedBy ?? source, count, loss, isPassedInPart);
    } else if (this.client.context.isPlain) this.refuse(lossReply(source, loss));
    else this.refuse(this.#redirection);
  }

  retry(group: BackendGroup): void {
    const command = this.#command;
    this.#lease = takeLease(this.client, group, this);
    if (this.#lease === null) this.refuse(REPLY_NO_CONNECTION);
    else if (!this.#lease.connection.request(this, 1, false, command, 0, command.length)) {
      this.refuse(unreachableReply(group.address));
    }
  }

  refuse(reply: Buffer): void {
    if (this.#owedBy !== null) this.client.onReplyBytes(this.#owedBy, reply, 0, reply.length, 1);
    this.client.context.loop.output.flush();
  }

  onBackendRoom(): void {
    this.client.onBackendRoom();
  }

  /** Nothing was popped: clients of a cluster are redirected, for the others it goes to the next server. */
  #takeError(source: BackendConnection): void {
    const { isPlain, redirects } = this.client.context;
    const error = Buffer.concat(this.#error);
    const ours = this.#redirection;
    const theirs = source.options.isPeer ? redirectionOf(error) : null;
    if (!isPlain || (ours === null && theirs === null)) {
      this.refuse(ours ?? error);
      return;
    }
    this.#error = [];
    this.#isStarted = false;
    this.#redirection = null;
    if (this.#lease !== null) giveLease(this.client, this.#lease, this);
    this.#lease = null;
    if (theirs === null) redirects.again(this);
    else redirects.follow(this, source.options, theirs);
  }

  #finish(): void {
    this.client.blocked = null;
    if (this.#lease !== null) giveLease(this.client, this.#lease, this);
    this.#lease = null;
  }

  #endForRedirection(lease: Lease): void {
    const drop = (): void => {
      if (lease === this.#lease) dropLease(this.client, lease, this);
    };
    // The command has not been sent.
    if (lease.connection.state !== 'ready') drop();
    else {
      const { dedicated } = this.client.context;
      endWait(dedicated, lease, 'ERROR', { onAnswer: () => undefined, onUnsent: drop });
    }
  }
}
