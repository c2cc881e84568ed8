import { GatheredReply } from '../core/gathered-reply.ts';
import { type Redirection, redirectionOf } from '../core/redirection.ts';
import { errorReply, unreachableReply } from '../core/replies.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import { lossReply } from './loss-reply.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import type { Client, Patience, Repeated } from './proxy-context.ts';

/** Gets the last reply to a command. `isFromPeer`: another proxy sent it. */
export type TakeReply = (reply: Buffer, isFromPeer: boolean) => void;

/** What becomes of a command that was asked again. */
export interface RepeatedEnd {
  readonly onReply: TakeReply;
  /** That proxy knows by now that another one is meant. */
  readonly onMoved: (to: Redirection) => void;
}

/**
 * A command without keys at a proxy that was started again and knows no server yet: it executed nothing, and is asked
 * again until it has its metadata.
 */
export class RepeatedCommand implements Repeated, ReplySink {
  readonly isPart = true;
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly client: Client;
  readonly patience: Patience;
  readonly #source: BackendConnection;
  readonly #command: Buffer;
  readonly #end: RepeatedEnd;
  readonly #reply: GatheredReply;

  /** `source`: the connection to that proxy. */
  constructor(client: Client, source: BackendConnection, command: Buffer, end: RepeatedEnd) {
    const { options, redirects } = client.context;
    this.owner = client.owner;
    this.client = client;
    this.patience = redirects.patienceOf(client);
    this.#source = source;
    this.#command = command;
    this.#end = end;
    this.#reply = new GatheredReply({ left: options.outputBytesMax });
  }

  again(): void {
    const command = this.#command;
    if (this.#source.request(this, 1, false, command, 0, command.length)) return;
    this.#end.onReply(unreachableReply(this.#source.options.address), false);
  }

  giveUp(): void {
    const { redirectTimeoutMs } = this.client.context.options;
    const time = `within ${redirectTimeoutMs} ms (redirect_timeout_ms)`;
    const { address } = this.#source.options;
    this.#end.onReply(errorReply(`CLUSTERDOWN proxy ${address} knew no server ${time}`), false);
  }

  onReplyBytes(
    _: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    this.#reply.add(bytes, start, end);
    if (completed > 0) this.#take();
  }

  forgetPart(): void {
    this.#reply.forget();
  }

  onReplyLoss(source: BackendConnection, _: number, loss: BackendLoss): void {
    this.#end.onReply(lossReply(source, loss), false);
  }

  onBackendRoom(): void {
    // The client is not read anyway until its reply is complete.
  }

  #take(): void {
    const { client } = this;
    const { redirects, options } = client.context;
    const reply = this.#reply.whole();
    this.#reply.forget();
    if (client.isClosed) return;
    const redirection = reply === null ? null : redirectionOf(reply);
    if (reply === null) {
      const limit = `${options.outputBytesMax} bytes (output_bytes_max)`;
      this.#end.onReply(errorReply(`ERR the reply is larger than ${limit}`), false);
    } else if (redirection === null) this.#end.onReply(reply, true);
    else if (redirection.named === null) redirects.repeat(this);
    else this.#end.onMoved(redirection);
  }
}
