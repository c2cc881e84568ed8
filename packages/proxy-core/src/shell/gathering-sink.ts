import { GatheredReply, type GatheringRoom } from '../core/gathered-reply.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import type { Client } from './proxy-context.ts';

/** Gathers the reply to one command of a client, within bounds, for those who need it whole. */
export abstract class GatheringSink implements ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly client: Client;
  protected readonly gathered: GatheredReply;

  /** `room`: shared by replies that are limited together; otherwise one may be as long as a client's output. */
  constructor(
    client: Client,
    room: GatheringRoom = { left: client.context.options.outputBytesMax },
  ) {
    this.owner = client.owner;
    this.client = client;
    this.gathered = new GatheredReply(room);
  }

  /** All of it is in `gathered`, or was too much. */
  protected abstract onWhole(source: BackendConnection): void;
  abstract onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss): void;

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    this.gathered.add(bytes, start, end);
    if (completed > 0) this.onWhole(source);
  }

  forgetPart(): void {
    this.gathered.forget();
  }

  onBackendRoom(): void {
    // The client is not read anyway until its reply is complete.
  }
}
