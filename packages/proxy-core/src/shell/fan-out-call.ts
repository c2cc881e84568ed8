import type { FanOutPart, Merge } from '../core/fan-out.ts';
import type { GatheringRoom } from '../core/gathered-reply.ts';
import { redirectionOf } from '../core/redirection.ts';
import { errorReply, REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { followCommand } from './followed-command.ts';
import { GatheringSink } from './gathering-sink.ts';
import { lossReply } from './loss-reply.ts';
import type { BackendLoss } from './lost-replies.ts';
import type { Client } from './proxy-context.ts';
import { timedAlways } from './slow-sampling.ts';

/**
 * One command on several servers. The client's later commands wait until every server has answered; earlier
 * ones go on.
 */
export class FanOutCall {
  readonly client: Client;
  readonly #parts: readonly FanOutPart[];
  readonly #finish: Finish;
  readonly #connections: PartConnections;
  readonly #replies: Buffer[] = [];
  /** What the client may have waiting, for the replies of all parts. */
  readonly room: GatheringRoom;
  #left: number;

  /** `connections`: those of the parts; null: the client's own to the servers of its port. */
  constructor(
    client: Client,
    parts: readonly FanOutPart[],
    finish: Finish,
    connections: PartConnections | null = null,
  ) {
    this.client = client;
    this.#parts = parts;
    this.#finish = finish;
    this.#connections = connections ?? connectionsTo(client, client.context.groups, parts);
    this.room = { left: client.context.options.outputBytesMax };
    this.#left = parts.length;
  }

  /** Sends all parts. The client gets one reply. `isDeferred`: it was deferred already. */
  start(isDeferred = false): void {
    this.#parts.forEach(({ command }, index) => {
      const backend = this.#connections[index] ?? null;
      const sink = new PartSink(this, index);
      if (backend === null) this.#note(index, REPLY_SLOT_DOWN);
      else if (!backend.request(sink, 1, false, command, 0, command.length)) {
        this.#note(index, unreachableReply(backend.options.address));
      }
    });
    // A reply that is known now must not resume the input that is being dispatched.
    if (this.#left === 0 && isDeferred) this.#finish.later(this.#replies);
    else if (this.#left === 0) this.#finish.atOnce(this.#replies);
    else {
      // What a server tells behind its part must not overtake the reply.
      this.client.tracking?.hold();
      if (!isDeferred) this.client.deferReply();
    }
  }

  /** A part has its reply, unless another proxy redirects it. */
  take(index: number, source: BackendConnection, reply: Buffer): void {
    const part = this.#parts[index];
    const isFollowed = source.options.isPeer && part?.isPassedOn !== true;
    const redirection = isFollowed ? redirectionOf(reply) : null;
    if (redirection === null || part === undefined) this.settle(index, reply);
    else {
      followCommand(this.client, source, { command: part.command, redirection }, (last) =>
        this.settle(index, last),
      );
    }
  }

  /** A part has its reply. */
  settle(index: number, reply: Buffer): void {
    this.#note(index, reply);
    if (this.#left === 0) this.#finish.later(this.#replies);
  }

  get outputBytesMax(): number {
    return this.client.context.options.outputBytesMax;
  }

  #note(index: number, reply: Buffer): void {
    this.#replies[index] = reply;
    this.#left--;
  }
}

/** Where each part goes; null: nobody serves its keys. */
export type PartConnections = readonly (BackendConnection | null)[];

/** The client's own connections to the parts' targets, which are indexes into `groups`. */
export function connectionsTo(
  client: Client,
  groups: readonly BackendGroup[],
  parts: readonly FanOutPart[],
): PartConnections {
  return parts.map(({ target }) => {
    const group = groups[target];
    return group === undefined ? null : client.backendOf(group);
  });
}

/** What becomes of the replies, in the order of the parts. */
export interface Finish {
  /** All were known when the command was sent: the client's input must not be resumed. */
  atOnce(replies: readonly Buffer[]): void;
  /** The client's reply was deferred. */
  later(replies: readonly Buffer[]): void;
}

/** Sends the parts of a command whose reply is what `merge` makes of theirs. `connections`: see `FanOutCall`. */
export function sendParts(
  client: Client,
  parts: readonly FanOutPart[],
  merge: Merge,
  connections: PartConnections | null = null,
): void {
  const timed = timedAlways(client, parts[0]?.command ?? null);
  const finish: Finish = {
    atOnce: (replies) => client.reply(merge(parts, replies)),
    later: (replies) => {
      client.replyDeferred(merge(parts, replies));
      timed?.end();
    },
  };
  new FanOutCall(client, parts, finish, connections).start();
}

/** Gathers the reply of one part. */
class PartSink extends GatheringSink {
  readonly isPart = true;
  readonly #call: FanOutCall;
  readonly #index: number;

  constructor(call: FanOutCall, index: number) {
    super(call.client, call.room);
    this.#call = call;
    this.#index = index;
  }

  protected onWhole(source: BackendConnection): void {
    this.#call.take(this.#index, source, this.gathered.whole() ?? this.#tooLarge);
  }

  onReplyLoss(source: BackendConnection, _: number, loss: BackendLoss): void {
    this.#call.settle(this.#index, lossReply(source, loss));
  }

  get #tooLarge(): Buffer {
    const limit = `${this.#call.outputBytesMax} bytes (output_bytes_max)`;
    return errorReply(`ERR the replies of all servers together are larger than ${limit}`);
  }
}
