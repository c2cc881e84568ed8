import { type Redirection, redirectionOf } from '../core/redirection.ts';
import { errorReply, unreachableReply } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import { GatheringSink } from './gathering-sink.ts';
import { lossReply } from './loss-reply.ts';
import type { BackendLoss } from './lost-replies.ts';
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
export class RepeatedCommand extends GatheringSink implements Repeated {
  readonly isPart = true;
  readonly patience: Patience;
  readonly #source: BackendConnection;
  readonly #command: Buffer;
  readonly #end: RepeatedEnd;

  /** `source`: the connection to that proxy. */
  constructor(client: Client, source: BackendConnection, command: Buffer, end: RepeatedEnd) {
    super(client);
    this.patience = client.context.redirects.patienceOf(client);
    this.#source = source;
    this.#command = command;
    this.#end = end;
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

  onReplyLoss(source: BackendConnection, _: number, loss: BackendLoss): void {
    this.#end.onReply(lossReply(source, loss), false);
  }

  protected onWhole(): void {
    const { client } = this;
    const { redirects, options } = client.context;
    const reply = this.gathered.whole();
    this.gathered.forget();
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
