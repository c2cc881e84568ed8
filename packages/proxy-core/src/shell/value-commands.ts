import {
  type Compression,
  decodeReply,
  encodeValues,
  isOnParts,
  type ValueCodec,
  valueUseOf,
} from '../core/compression.ts';
import type { CommandFrame } from '../core/command-lookup.ts';
import { errorReply, unreachableReply } from '../core/replies.ts';
import { SLOT_UNCOVERED } from '../core/routing-table.ts';
import type { BackendConnection } from './backend-connection.ts';
import { GatheringSink } from './gathering-sink.ts';
import type { BackendLoss } from './lost-replies.ts';
import type { TimedCall } from './slow-sampling.ts';
import type { Client, ProxyContext, Span } from './proxy-context.ts';

const REPLY_PARTIAL = errorReply('ERR unsupported string command when compression is enabled');

/** How values of the slot are stored; null: as they come, or by another proxy. */
export function compressionOf(
  { compression, isPlain, table }: ProxyContext,
  slot: number,
): Compression | null {
  const isElsewhere = isPlain && (table.slots[slot] ?? SLOT_UNCOVERED) >= table.peerStart;
  return isElsewhere ? null : compression;
}

/** A command of a cluster that compresses, ready for its server. */
export interface StoredForm {
  readonly span: Span;
  /** Turns the values of its reply back; null: there are none. */
  readonly codec: ValueCodec | null;
}

/** Why a command cannot be carried as long as its cluster compresses values; null: it can. */
export function valueRefusal({ strategy, failure }: Compression, id: number): Buffer | null {
  if (failure !== null) return errorReply(`ERR compression is not available: ${failure}`);
  return strategy === 'set_get_only' && isOnParts(id) ? REPLY_PARTIAL : null;
}

/** A command with its values as they are stored. */
export function storedForm(
  codec: ValueCodec,
  frame: CommandFrame,
  span: Span,
  id: number,
): StoredForm {
  const use = valueUseOf(id, span.bytes, frame);
  if (use === null || use.isPartial) return { span, codec: null };
  const forReply = use.isRead ? codec : null;
  if (use.first === 0) return { span, codec: forReply };
  const bytes = encodeValues(span.bytes, frame, use, codec);
  return { span: { bytes, start: 0, end: bytes.length }, codec: forReply };
}

/** Sends a command whose reply holds stored values. `timed`: it is done when that is there. */
export function forwardDecoded(
  client: Client,
  backend: BackendConnection,
  { bytes, start, end }: Span,
  codec: ValueCodec,
  timed: TimedCall | null,
): void {
  const sink = new StoredReply(client, codec, timed);
  if (backend.request(sink, 1, false, bytes, start, end)) client.owe(backend);
  else client.reply(unreachableReply(backend.options.address));
}

/** Gathers a reply and passes it on with its values turned back. */
class StoredReply extends GatheringSink {
  readonly unitSize = 1;
  readonly #codec: ValueCodec;
  readonly #timed: TimedCall | null;

  constructor(client: Client, codec: ValueCodec, timed: TimedCall | null) {
    super(client);
    this.#codec = codec;
    this.#timed = timed;
  }

  protected onWhole(source: BackendConnection): void {
    const reply = this.#decoded();
    this.client.onReplyBytes(source, reply, 0, reply.length, 1);
    this.#timed?.end();
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss): void {
    this.client.onReplyLoss(source, count, loss, false);
    this.#timed?.end();
  }

  override onBackendRoom(): void {
    this.client.onBackendRoom();
  }

  #decoded(): Buffer {
    const { outputBytesMax } = this.client.context.options;
    const reply = this.gathered.whole();
    if (reply !== null) return decodeReply(reply, this.#codec, outputBytesMax);
    return errorReply(`ERR the reply is longer than ${outputBytesMax} bytes (output_bytes_max)`);
  }
}
