import {
  type Compression,
  decodeReply,
  encodeValues,
  type ValueCodec,
  valueUseOf,
} from '../core/compression.ts';
import type { CommandFrame } from '../core/command-lookup.ts';
import { errorReply, unreachableReply } from '../core/replies.ts';
import type { BackendConnection, BackendLoss, ReplySink } from './backend-connection.ts';
import type { Client, Span } from './proxy-context.ts';

const REPLY_PARTIAL = errorReply('ERR unsupported string command when compression is enabled');

/** A command of a cluster that compresses, ready for its server. */
export interface StoredForm {
  readonly span: Span;
  /** Turns the values of its reply back; null: there are none. */
  readonly codec: ValueCodec | null;
}

/** A command with its values as they are stored; a Buffer: the error that answers it instead. */
export function storedForm(
  compression: Compression,
  frame: CommandFrame,
  span: Span,
  id: number,
): StoredForm | Buffer {
  const { strategy, codec } = compression;
  const use = valueUseOf(id, span.bytes, frame);
  if (use === null) return { span, codec: null };
  if (use.isPartial) {
    return strategy === 'set_get_only' ? REPLY_PARTIAL : { span, codec: null };
  }
  if (codec === null || typeof codec === 'string') {
    return errorReply(`ERR compression is not available: ${codec ?? 'it is being loaded'}`);
  }
  const forReply = use.isRead ? codec : null;
  if (use.first === 0) return { span, codec: forReply };
  const bytes = encodeValues(span.bytes, frame, use, codec);
  return { span: { bytes, start: 0, end: bytes.length }, codec: forReply };
}

/** Sends a command whose reply holds stored values. */
export function forwardDecoded(
  client: Client,
  backend: BackendConnection,
  { bytes, start, end }: Span,
  codec: ValueCodec,
): void {
  const sink = new StoredReply(client, codec);
  if (backend.request(sink, 1, false, bytes, start, end)) client.owe(backend);
  else client.reply(unreachableReply(backend.options.address));
}

/** Gathers a reply and passes it on with its values turned back. */
class StoredReply implements ReplySink {
  readonly #client: Client;
  readonly #codec: ValueCodec;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(client: Client, codec: ValueCodec) {
    this.#client = client;
    this.#codec = codec;
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    this.#length += end - start;
    if (this.#length > this.#bytesMax) this.#pieces = [];
    else if (completed === 0) this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    else this.#pieces.push(bytes.subarray(start, end));
    if (completed === 0) return;
    const reply = this.#decoded();
    this.#client.onReplyBytes(source, reply, 0, reply.length, 1);
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss): void {
    this.#client.onReplyLoss(source, count, loss, false);
  }

  onBackendRoom(): void {
    this.#client.onBackendRoom();
  }

  get #bytesMax(): number {
    return this.#client.context.options.outputBytesMax;
  }

  #decoded(): Buffer {
    if (this.#length > this.#bytesMax) {
      return errorReply(`ERR the reply is longer than ${this.#bytesMax} bytes (output_bytes_max)`);
    }
    const [first = Buffer.alloc(0)] = this.#pieces;
    const reply = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    return decodeReply(reply, this.#codec, this.#bytesMax);
  }
}
