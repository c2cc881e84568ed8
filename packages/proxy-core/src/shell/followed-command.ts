import {
  type Compression,
  concernsValues,
  decodeReply,
  type ValueCodec,
} from '../core/compression.ts';
import { isScriptCall, lookupCommand, resolveSubcommand } from '../core/command-lookup.ts';
import { type Redirection, redirectionOf } from '../core/redirection.ts';
import { errorReply, unreachableReply } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendLoss } from './lost-replies.ts';
import type { BackendGroup } from './backend-pool.ts';
import { commandSlot } from './command-slot.ts';
import { GatheringSink } from './gathering-sink.ts';
import { lossReply } from './loss-reply.ts';
import type { Client, Patience, Redirected } from './proxy-context.ts';
import { RepeatedCommand, type TakeReply } from './repeated-command.ts';
import { loadInto } from './script-loading.ts';
import { compressionOf, type StoredForm, storedForm, valueRefusal } from './value-commands.ts';

const ERROR_MARKER = 0x2d;

/** A command that another proxy did not carry out. */
export interface Refused {
  readonly command: Buffer;
  readonly redirection: Redirection;
}

/**
 * Sends a command on that was redirected, until some server gives it another reply. One without a slot is for that
 * proxy, and is asked again there.
 */
export function followCommand(
  client: Client,
  source: BackendConnection,
  { command, redirection }: Refused,
  onReply: TakeReply,
): void {
  const { redirects } = client.context;
  const slot = redirection.slot ?? commandSlot(client.context, command);
  if (slot < 0) {
    const onMoved = (to: Redirection): void =>
      followCommand(client, source, { command, redirection: to }, onReply);
    redirects.repeat(new RepeatedCommand(client, source, command, { onReply, onMoved }));
  } else {
    const followed = new FollowedCommand(client, command, slot, onReply);
    redirects.follow(followed, source.options, redirection);
  }
}

class FollowedCommand extends GatheringSink implements Redirected {
  readonly isPart = true;
  readonly slots: readonly [number];
  readonly patience: Patience;
  readonly #command: Buffer;
  readonly #onReply: TakeReply;
  /** Turns the values of the reply back; null: there are none. */
  #codec: ValueCodec | null = null;

  constructor(client: Client, command: Buffer, slot: number, onReply: TakeReply) {
    super(client);
    this.slots = [slot];
    this.patience = client.context.redirects.patienceOf(client);
    this.#command = command;
    this.#onReply = onReply;
  }

  retry(group: BackendGroup): void {
    const { client } = this;
    const backend = client.backendOf(group);
    const id = this.#scan();
    if (isScriptCall(id)) loadInto(client, group, backend, this.#digest());
    const compression = concernsValues(id) ? compressionOf(client.context, this.slots[0]) : null;
    const isStoredHere = !backend.options.isPeer && compression !== null;
    const form = isStoredHere ? this.#storedForm(id, compression) : this.#asGiven();
    if (form === null) return;
    this.#codec = form.codec;
    const { bytes, start, end } = form.span;
    if (backend.request(this, 1, false, bytes, start, end)) return;
    this.#onReply(unreachableReply(group.address), false);
  }

  refuse(reply: Buffer): void {
    this.#onReply(reply, false);
  }

  onReplyLoss(source: BackendConnection, _: number, loss: BackendLoss): void {
    this.#onReply(lossReply(source, loss), false);
  }

  protected onWhole(source: BackendConnection): void {
    const { client } = this;
    const { redirects, options } = client.context;
    const { isPeer } = source.options;
    const reply = this.gathered.whole();
    this.gathered.forget();
    if (client.isClosed) return;
    const redirection = reply?.[0] === ERROR_MARKER ? redirectionOf(reply) : null;
    if (redirection !== null) redirects.follow(this, source.options, redirection);
    else if (reply === null) {
      const limit = `${options.outputBytesMax} bytes (output_bytes_max)`;
      const error = `ERR the reply to a redirected command is larger than ${limit}`;
      this.#onReply(errorReply(error), false);
    } else if (this.#codec === null) this.#onReply(reply, isPeer);
    else this.#onReply(decodeReply(reply, this.#codec, options.outputBytesMax), isPeer);
  }

  /** The command's id; the scanner then knows its words. */
  #scan(): number {
    const command = this.#command;
    const { scanner } = this.client.context.loop;
    scanner.scan(command, 0, command.length);
    const container = lookupCommand(command, scanner.argStart[0] ?? 0, scanner.argEnd[0] ?? 0);
    return resolveSubcommand(container, command, scanner);
  }

  /** The script that EVALSHA names. */
  #digest(): string {
    const { argStart, argEnd } = this.client.context.loop.scanner;
    return this.#command.toString('latin1', argStart[1], argEnd[1]).toLowerCase();
  }

  #asGiven(): StoredForm {
    const bytes = this.#command;
    return { span: { bytes, start: 0, end: bytes.length }, codec: null };
  }

  /** For a server beside this proxy. Null: it cannot be carried there, and the client was told. */
  #storedForm(id: number, compression: Compression): StoredForm | null {
    const { span } = this.#asGiven();
    const { scanner } = this.client.context.loop;
    const refusal = valueRefusal(compression, id);
    const { codec } = compression;
    if (refusal === null && codec !== null) return storedForm(codec, scanner, span, id);
    this.#onReply(refusal ?? NO_CODEC_YET, false);
    return null;
  }
}

const NO_CODEC_YET = errorReply(
  'TRYAGAIN the slot has moved here, and compression is being loaded',
);
