import { encodeCommand, scanReply } from '@undermoon/resp';
import { decodeReply } from '../core/compression.ts';
import { parseSubscriptionWord } from '../core/pubsub-frames.ts';
import { type Redirection, redirectionOf } from '../core/redirection.ts';
import { errorReply, execAbortReply, hasErrorCode } from '../core/replies.ts';
import type { Transaction } from '../core/transaction.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import { capturedReply } from './captured-client.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import type { Client } from './proxy-context.ts';
import { integerBytes, receiversHere } from './publish-command.ts';
import { timedAlways, type TimedCall } from './slow-sampling.ts';
import { answerCommand } from './session-commands.ts';

const ARRAY_MARKER = 0x2a;
const ERROR_MARKER = 0x2d;
const INTEGER_MARKER = 0x3a;
const LINE_END = 0x0a;
const ERROR_BYTES_MAX = 1024;
const EXEC = encodeCommand(['EXEC']);
/** For plain clients, when the proxies did not agree and the transaction had to go on its way as it was. */
const REPLY_MOVING = errorReply('EXECABORT Transaction discarded because its slots are moving.');

/** Who a transaction of another proxy is carried out for, wherever it is sent. */
export interface ExecOwner {
  /** The connection that the client waits for a reply of. */
  readonly owedBy: BackendConnection;
  /** Nothing was executed. */
  onRedirected(source: BackendConnection, redirection: Redirection): void;
  /** Nothing was executed, and the server cannot be reached or the routing table is another one. */
  onUnsent(): void;
}

/**
 * How a transaction is sent: as MULTI, its commands and EXEC, or, to another proxy if its keys are in several slots, as
 * one UMCTL TRANSACTION.
 */
export type ExecForm = 'multi' | 'packed';

/**
 * The replies to one transaction on its server: MULTI's and those to queued commands are read for errors,
 * EXEC's goes to the client. Requests are made in this order: MULTI, the commands, EXEC. The packed form has EXEC's only.
 */
export class ExecCall implements ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly unitSize: number;
  readonly #client: Client;
  readonly #transaction: Transaction;
  readonly #owner: ExecOwner | null;
  readonly #form: ExecForm;
  /** Replies before EXEC's that are still to come. */
  #queuedLeft: number;
  /** The first error among them, without its '-'. */
  #error = '';
  #isInError = false;
  #isLineStart = true;
  /** Replies before the one with the error. */
  #lines = 0;
  #errorLine = -1;
  #isHeld = false;
  #isStarted = false;
  readonly #held: Buffer[] = [];
  readonly #timed: TimedCall | null;

  constructor(
    client: Client,
    transaction: Transaction,
    form: ExecForm,
    owner: ExecOwner | null = null,
  ) {
    this.#client = client;
    this.#form = form;
    this.owner = client.owner;
    this.#transaction = transaction;
    this.#owner = owner;
    this.#timed = timedAlways(client, EXEC);
    this.#queuedLeft = form === 'packed' ? 0 : transaction.forwardedCount + 1;
    this.unitSize = this.#queuedLeft + 1;
  }

  replan(): boolean {
    this.#owner?.onUnsent();
    return this.#owner !== null;
  }

  sendPacked(peer: BackendConnection): boolean {
    const call = new ExecCall(this.#client, this.#transaction, 'packed');
    const { packed } = this.#transaction;
    return peer.request(call, 1, false, packed, 0, packed.length);
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    if (this.#queuedLeft > 0) {
      this.#queuedLeft -= completed;
      this.#readQueued(bytes, start, end);
      return;
    }
    if (!this.#isStarted) {
      this.#isStarted = true;
      const isError = bytes[start] === ERROR_MARKER;
      const { locals, published, stored } = this.#transaction;
      const isComposed = locals.length + published.length + stored.size > 0;
      const isReadError = this.#errorLine >= 0 || this.#owner !== null || this.#form === 'packed';
      this.#isHeld = isError ? isReadError : isComposed;
    }
    if (!this.#isHeld) {
      this.#client.onReplyBytes(this.#owner?.owedBy ?? source, bytes, start, end, completed);
      if (completed > 0) this.#timed?.end();
    } else {
      this.#held.push(Buffer.from(bytes.subarray(start, end)));
      if (completed > 0) this.#deliver(source);
    }
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    const queued = Math.min(this.#queuedLeft, count);
    this.#queuedLeft -= queued;
    if (queued === count) return;
    const isPassedInPart = isCut && this.#isStarted && !this.#isHeld;
    this.#client.onReplyLoss(this.#owner?.owedBy ?? source, 1, loss, isPassedInPart);
    this.#timed?.end();
  }

  onBackendRoom(): void {
    this.#client.onBackendRoom();
  }

  /** Replies before EXEC's are lines: +OK, +QUEUED or an error. */
  #readQueued(bytes: Buffer, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const byte = bytes[i] ?? 0;
      if (this.#isLineStart && byte === ERROR_MARKER && this.#errorLine < 0) {
        this.#errorLine = this.#lines;
        this.#isInError = true;
      } else if (this.#isInError && this.#error.length < ERROR_BYTES_MAX) {
        this.#error += String.fromCharCode(byte);
      }
      this.#isLineStart = byte === LINE_END;
      if (!this.#isLineStart) continue;
      this.#isInError = false;
      this.#lines++;
    }
  }

  #deliver(source: BackendConnection): void {
    const reply = Buffer.concat(this.#held);
    if (reply[0] !== ARRAY_MARKER || reply[1] === ERROR_MARKER) {
      const redirection = this.#redirectionIn(reply);
      if (redirection !== null) this.#owner?.onRedirected(source, redirection);
      else if (this.#form === 'packed') this.#pass(source, packedRefusalOf(source, reply));
      else this.#pass(source, this.#refusalOf(reply));
      return;
    }
    const counted = withReceivers(this.#client, this.#transaction, reply);
    // Without commands of the proxy it is known at once, ahead of what the server sent behind it.
    if (this.#transaction.locals.length > 0) void this.#compose(source, counted);
    else this.#pass(source, assembled(this.#client, this.#transaction, counted, []));
  }

  async #compose(source: BackendConnection, reply: Buffer): Promise<void> {
    this.#pass(source, await composeReply(this.#client, this.#transaction, reply));
    this.#client.context.loop.output.flush();
  }

  #pass(source: BackendConnection, answer: Buffer): void {
    this.#client.onReplyBytes(this.#owner?.owedBy ?? source, answer, 0, answer.length, 1);
    this.#timed?.end();
  }

  /** Of EXEC, or of the command that let it fail. */
  #redirectionIn(reply: Buffer): Redirection | null {
    if (this.#owner === null) return null;
    return redirectionOf(reply) ?? this.#errorRedirection();
  }

  #refusalOf(reply: Buffer): Buffer {
    if (this.#errorLine < 0) return reply;
    if (this.#errorLine === 0) {
      const text = `the server refuses MULTI, the commands may have been executed one by one`;
      return errorReply(`ERR ${text}: ${this.#error}`);
    }
    const error = Buffer.from(`-${this.#error}`);
    const isMoved = this.#client.context.isPlain && this.#errorRedirection() !== null;
    return isMoved ? REPLY_MOVING : execAbortReply(error);
  }

  /** In the error of a queued command. */
  #errorRedirection(): Redirection | null {
    return redirectionOf(Buffer.from(`-${this.#error}`, 'latin1'));
  }
}

/** What a client gets to know of another proxy's reply that is no array. */
function packedRefusalOf({ options }: BackendConnection, reply: Buffer): Buffer {
  if (reply[0] !== ERROR_MARKER) return reply;
  if (redirectionOf(reply) !== null) return REPLY_MOVING;
  if (hasErrorCode(reply)) return reply;
  const what = `proxy ${options.address} takes keys of one slot only in a transaction`;
  return errorReply(`EXECABORT Transaction discarded because of: CROSSSLOT ${what}`);
}

/** The server's array, with the number of clients that get a message in place of the number of proxies. */
function withReceivers(client: Client, transaction: Transaction, reply: Buffer): Buffer {
  const { locals, published } = transaction;
  if (published.length === 0) return reply;
  const { book } = client.context.pubsub;
  const pieces: Buffer[] = [];
  let pos = reply.indexOf(LINE_END) + 1;
  let copied = 0;
  let element = 0;
  for (const { index, channel, isSharded } of published) {
    // The server knows nothing of the commands that the proxy executes.
    const place = index - locals.filter((local) => local.index < index).length;
    for (; element < place; element++) pos = scanReply(reply, pos, reply.length);
    if (reply[pos] !== INTEGER_MARKER) continue;
    pieces.push(reply.subarray(copied, pos), integerBytes(receiversHere(book, channel, isSharded)));
    pos = scanReply(reply, pos, reply.length);
    copied = pos;
    element++;
  }
  return Buffer.concat([...pieces, reply.subarray(copied)]);
}

/**
 * The array that EXEC returns: the server's elements with the proxy's own in their places, which are executed
 * now, one after another.
 */
export async function composeReply(
  client: Client,
  transaction: Transaction,
  reply: Buffer,
): Promise<Buffer> {
  const answers: Buffer[] = [];
  for (const { args, refusal } of transaction.locals) {
    const name = String(args[0]).toLowerCase();
    const run = (inner: Client): void => {
      if (!answerUnsubscribe(client, inner, name, args)) answerCommand(inner, name, args);
    };
    answers.push(refusal ?? (await capturedReply(client, run)));
  }
  return assembled(client, transaction, reply, answers);
}

/** As in Redis, the confirmations are in the place of the reply, however many they are. False: it is another command. */
function answerUnsubscribe(
  client: Client,
  inner: Client,
  name: string,
  args: readonly Buffer[],
): boolean {
  const word = parseSubscriptionWord(name);
  if (word === null || word.isOn) return false;
  const names = args.slice(1).map((topic) => topic.toString('latin1'));
  inner.reply(client.context.pubsub.endSubscriptions(client, word.kind, names));
  return true;
}

/** `answers`: those of the proxy's own commands. */
function assembled(
  client: Client,
  transaction: Transaction,
  reply: Buffer,
  answers: readonly Buffer[],
): Buffer {
  const pieces: Buffer[] = [Buffer.from(`*${transaction.count}\r\n`)];
  let pos = reply.indexOf(LINE_END) + 1;
  let nextIndex = 0;
  const passElements = (end: number): void => {
    for (; nextIndex < end; nextIndex++) {
      const start = pos;
      pos = scanReply(reply, pos, reply.length);
      const element = reply.subarray(start, pos);
      pieces.push(
        transaction.stored.has(nextIndex) ? decoded(client, transaction, element) : element,
      );
    }
  };
  transaction.locals.forEach(({ index }, i) => {
    passElements(index);
    nextIndex = index + 1;
    pieces.push(answers[i] ?? Buffer.alloc(0));
  });
  passElements(transaction.count);
  return Buffer.concat(pieces);
}

/** An element with its values as the client knows them. */
function decoded(client: Client, { compression }: Transaction, element: Buffer): Buffer {
  const codec = compression?.codec;
  if (codec === null || codec === undefined) return element;
  return decodeReply(element, codec, client.context.options.outputBytesMax);
}
