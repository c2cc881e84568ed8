import { encodeCommand } from '@undermoon/resp';
import { REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import { leastOf } from '../core/least-reply.ts';
import { WAIT_CHANNEL } from '../core/pubsub-scope.ts';
import { type Lease, type LeaseHolder, REPLY_NO_CONNECTION } from './dedicated-pool.ts';
import { endWait } from './end-wait.ts';
import type { Blocking, Client } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';

const LINE_END = '\r\n';

// Moves the replication offset of its connection past every write before it, which is what WAIT waits for.
const MARK_OFFSET = encodeCommand(['PUBLISH', WAIT_CHANNEL, '']);

/**
 * WAIT and WAITAOF: every server behind the proxy waits for its own replicas, since the client's writes may
 * have gone to any of them. The least of their answers counts. `timeoutMs`: see `LeaseHolder`.
 */
export function waitForReplicas(client: Client, command: Buffer, timeoutMs: number | null): void {
  const { context, session } = client;
  if (context.servers.length === 0) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  const call = new WaitCall(client, timeoutMs);
  for (const { address } of context.servers) {
    const lease = context.dedicated.take(address, session.protocol, call);
    if (lease !== null) call.leases.push(lease);
  }
  if (call.leases.length === context.servers.length) call.begin(command);
  else {
    call.giveBack();
    client.reply(REPLY_NO_CONNECTION);
  }
}

class WaitCall implements Blocking, LeaseHolder {
  readonly isBlocking = true;
  readonly timeoutMs: number | null;
  leases: Lease[] = [];
  readonly #client: Client;
  readonly #answers: string[] = [];

  constructor(client: Client, timeoutMs: number | null) {
    this.#client = client;
    this.timeoutMs = timeoutMs;
  }

  begin(command: Buffer): void {
    this.#client.blocked = this;
    this.#client.deferReply();
    const ignored = new ReplyText(() => undefined);
    // Answers may come at once, of servers that are known to be unreachable.
    for (const { connection, address } of this.leases) {
      connection.request(ignored, 1, false, MARK_OFFSET, 0, MARK_OFFSET.length);
      const lost = `-ERR connection to ${address} was lost`;
      const sink = new ReplyText((text) => this.#take(text ?? lost), false);
      if (!connection.request(sink, 1, false, command, 0, command.length)) {
        this.#take(unreachableReply(address).toString().trimEnd());
      }
    }
  }

  giveBack(): void {
    const { dedicated } = this.#client.context;
    for (const lease of this.leases) dedicated.give(lease);
    this.leases = [];
  }

  unblock(reason: 'TIMEOUT' | 'ERROR', take: (isEnded: boolean) => void): void {
    const { dedicated } = this.#client.context;
    const { leases } = this;
    let left = leases.length;
    let isAnswered = left === 0;
    // Servers that cannot be asked yet are not awaited once one has ended its wait.
    const note = (text: string | null): void => {
      left--;
      if (isAnswered || (text !== ':1' && left > 0)) return;
      isAnswered = true;
      take(text === ':1');
    };
    if (isAnswered) take(false);
    for (const lease of leases) {
      endWait(dedicated, lease, reason, { onAnswer: note, onUnsent: () => note(null) });
    }
  }

  cancel(): void {
    const { dedicated } = this.#client.context;
    const { leases } = this;
    this.leases = [];
    for (const lease of leases) dedicated.drop(lease);
  }

  onTableChange(): void {}

  onTick(): void {}

  #take(answer: string): void {
    const client = this.#client;
    this.#answers.push(answer);
    if (client.isClosed || this.#answers.length < this.leases.length) return;
    client.blocked = null;
    this.giveBack();
    client.replyDeferred(Buffer.from(`${leastOf(this.#answers)}${LINE_END}`, 'latin1'));
  }
}
