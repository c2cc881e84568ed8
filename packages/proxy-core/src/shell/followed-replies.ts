import { ReplyStream, scanReply } from '@undermoon/resp';
import { redirectionOf } from '../core/redirection.ts';
import { errorReply } from '../core/replies.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import { lossReply } from './loss-reply.ts';
import { followCommand, type Refused } from './followed-command.ts';
import { CLIENTS_OVER_OUTPUT } from './loop-counters.ts';
import type { Client, FinishReply } from './proxy-context.ts';

const ERROR_MARKER = 0x2d;

/** Commands that were sent together, as long as some of their replies are owed. */
interface Run {
  /** Null: there was no room to keep them. */
  readonly bytes: Buffer | null;
  /** Where the first command begins whose reply is owed, if the ones in `skipped` are left out. */
  start: number;
  /** Commands from `start` on that have been answered. */
  skipped: number;
  /** Replies owed. */
  left: number;
  /** Redirections are for the client to follow. */
  readonly isPassedOn: boolean;
}

/** Whole replies, or a part of one, that wait for the one before them. */
interface Held {
  /** Null: the command is being sent on. */
  bytes: Buffer | null;
  readonly count: number;
}

/**
 * Takes the replies of a connection to another proxy for one client. Its commands are kept until they are answered; one
 * that is redirected is sent on, and the replies behind it wait. All others pass through.
 */
export class FollowedReplies implements ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly #client: Client;
  #runs: Run[] = [];
  #firstRun = 0;
  /** Knows where a reply ends that came in pieces. */
  #stream = new ReplyStream();
  /** Pieces of an error; errors are not passed on before they are whole. */
  #errorPieces: Buffer[] = [];
  #held: Held[] = [];
  #heldBytes = 0;

  constructor(client: Client) {
    this.owner = client.owner;
    this.#client = client;
  }

  /** Nothing is owed. */
  get isIdle(): boolean {
    return this.#runs.length === 0 && this.#held.length === 0;
  }

  /** Keeps `bytes[start, end)`, `count` commands that were sent over the connection. */
  keep(bytes: Buffer, start: number, end: number, count: number): void {
    const { redirects, options } = this.#client.context;
    const hasRoom = redirects.keptBytes + end - start <= options.redirectBytesMax;
    const kept = hasRoom ? Buffer.from(bytes.subarray(start, end)) : null;
    if (kept !== null) redirects.keptBytes += kept.length;
    this.#runs.push({ bytes: kept, start: 0, skipped: 0, left: count, isPassedOn: false });
  }

  passOn(count: number): void {
    this.#runs.push({ bytes: null, start: 0, skipped: 0, left: count, isPassedOn: true });
  }

  take(
    source: BackendConnection,
    { reply, command }: { readonly reply: Buffer; readonly command: Buffer | null },
    finish: FinishReply,
  ): void {
    const redirection = command === null ? null : redirectionOf(reply);
    if (redirection === null || command === null) this.#pass(source, finish(reply, true), 1);
    else this.#follow(source, { command, redirection }, finish);
  }

  lose(source: BackendConnection, loss: BackendLoss): void {
    if (this.#held.length === 0) this.#client.onReplyLoss(source, 1, loss, false);
    else this.#pass(source, lossReply(source, loss), 1);
  }

  /** Forgets the last command: it is carried out anew. */
  forgetLast(): void {
    const run = this.#runs.at(-1);
    if (run === undefined || --run.left > 0) return;
    if (run.bytes !== null) this.#client.context.redirects.keptBytes -= run.bytes.length;
    this.#runs.pop();
    if (this.#runs.length > this.#firstRun) return;
    this.#runs = [];
    this.#firstRun = 0;
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    let from = start;
    let pos = start;
    let whole = 0;
    for (let i = 0; i < completed; i++) {
      const isError = this.#stream.isActive
        ? this.#errorPieces.length > 0
        : bytes[pos] === ERROR_MARKER;
      const next = this.#stream.isActive
        ? this.#stream.feed(bytes, pos, end)
        : scanReply(bytes, pos, end);
      if (isError) {
        if (pos > from) this.#pass(source, bytes.subarray(from, pos), whole);
        this.#errorPieces.push(bytes.subarray(pos, next));
        this.#takeError(source);
        from = next;
        whole = 0;
      } else {
        this.#answered();
        whole++;
      }
      pos = next;
    }
    this.#takeRest(source, bytes, from, pos, end, whole);
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    const isPassedInPart = isCut && this.#errorPieces.length === 0;
    this.#stream = new ReplyStream();
    this.#errorPieces = [];
    for (let i = 0; i < count; i++) this.#answered();
    if (this.#held.length === 0) this.#client.onReplyLoss(source, count, loss, isPassedInPart);
    else if (isPassedInPart) this.#client.destroy();
    else {
      const error = lossReply(source, loss);
      for (let i = 0; i < count; i++) this.#pass(source, error, 1);
    }
  }

  onBackendRoom(): void {
    this.#client.onBackendRoom();
  }

  /** Passes on what is whole, `bytes[from, pos)`, and what has come of the next reply if it is no error. */
  #takeRest(
    source: BackendConnection,
    bytes: Buffer,
    from: number,
    pos: number,
    end: number,
    whole: number,
  ): void {
    let until = pos;
    if (pos < end) {
      const isError = this.#stream.isActive
        ? this.#errorPieces.length > 0
        : bytes[pos] === ERROR_MARKER;
      this.#stream.feed(bytes, pos, end);
      if (isError) this.#errorPieces.push(Buffer.from(bytes.subarray(pos, end)));
      else until = end;
    }
    if (until === from) return;
    if (this.#held.length === 0) this.#client.onReplyBytes(source, bytes, from, until, whole);
    else this.#pass(source, bytes.subarray(from, until), whole);
  }

  #takeError(source: BackendConnection): void {
    const [piece = NOTHING, ...more] = this.#errorPieces;
    const reply = more.length === 0 ? piece : Buffer.concat([piece, ...more]);
    this.#errorPieces = [];
    const isPassedOn = this.#runs[this.#firstRun]?.isPassedOn === true;
    const redirection = isPassedOn ? null : redirectionOf(reply);
    const command = redirection === null ? null : this.#commandAnswered();
    this.#answered();
    if (redirection === null) this.#pass(source, reply, 1);
    else if (command === null) this.#pass(source, NOT_KEPT, 1);
    else this.#follow(source, { command, redirection });
  }

  #follow(source: BackendConnection, refused: Refused, finish: FinishReply = asItIs): void {
    const client = this.#client;
    if (client.isClosed) return;
    const place: Held = { bytes: null, count: 1 };
    this.#held.push(place);
    // What the client sends next waits, so that it cannot come before what is sent on.
    if (this.#held.length === 1) client.whenQuiet(doNothing);
    // Nor may what a server tells about a value come before the value.
    client.tracking?.hold();
    followCommand(client, source, refused, (reply, isFromPeer) => {
      const bytes = finish(reply, isFromPeer);
      place.bytes = bytes;
      this.#heldBytes += bytes.length;
      this.#release(source);
    });
  }

  /** The command whose reply has come; null: it was not kept. */
  #commandAnswered(): Buffer | null {
    const run = this.#runs[this.#firstRun];
    if (run === undefined || run.bytes === null) return null;
    const { scanner } = this.#client.context.loop;
    const { bytes } = run;
    for (; run.skipped > 0; run.skipped--) run.start = scanner.scan(bytes, run.start, bytes.length);
    const end = scanner.scan(bytes, run.start, bytes.length);
    return Buffer.from(bytes.subarray(run.start, end));
  }

  #answered(): void {
    const run = this.#runs[this.#firstRun];
    if (run === undefined) return;
    run.skipped++;
    if (--run.left > 0) return;
    if (run.bytes !== null) this.#client.context.redirects.keptBytes -= run.bytes.length;
    this.#firstRun++;
    if (this.#firstRun < this.#runs.length && this.#firstRun < RUNS_DROPPED_AT_ONCE) return;
    this.#runs = this.#runs.slice(this.#firstRun);
    this.#firstRun = 0;
  }

  /** `bytes` are only valid during the call. */
  #pass(source: BackendConnection, bytes: Buffer, count: number): void {
    const client = this.#client;
    if (this.#held.length === 0) {
      client.onReplyBytes(source, bytes, 0, bytes.length, count);
      return;
    }
    if (client.isClosed) return;
    this.#held.push({ bytes: Buffer.from(bytes), count });
    this.#heldBytes += bytes.length;
    const { counters, logger, options } = client.context;
    if (this.#heldBytes <= options.outputBytesMax) return;
    logger.warn(
      { client: client.peer },
      'client closed: output limit reached behind a redirection',
    );
    counters[CLIENTS_OVER_OUTPUT] = (counters[CLIENTS_OVER_OUTPUT] ?? 0) + 1;
    client.destroy();
  }

  #release(source: BackendConnection): void {
    const next = this.#held.findIndex(({ bytes }) => bytes === null);
    const due = this.#held.slice(0, next < 0 ? this.#held.length : next);
    this.#held = this.#held.slice(due.length);
    for (const { bytes, count } of due) {
      if (bytes === null) continue;
      this.#heldBytes -= bytes.length;
      this.#client.onReplyBytes(source, bytes, 0, bytes.length, count);
    }
    this.#client.context.loop.output.flush();
  }
}

/** The connections to other proxies that one client uses. */
export class PeerReplies {
  readonly #client: Client;
  readonly #known = new Map<BackendConnection, FollowedReplies>();

  constructor(client: Client) {
    this.#client = client;
  }

  of(backend: BackendConnection): FollowedReplies {
    return this.#known.get(backend) ?? this.#add(backend);
  }

  #add(backend: BackendConnection): FollowedReplies {
    for (const [other, replies] of this.#known) {
      if (other.state === 'closed' && replies.isIdle) this.#known.delete(other);
    }
    const added = new FollowedReplies(this.#client);
    this.#known.set(backend, added);
    return added;
  }
}

const NOTHING = Buffer.alloc(0);
const RUNS_DROPPED_AT_ONCE = 1024;
/** The reply to a redirected command that was not kept. */
export const NOT_KEPT: Buffer = errorReply(
  'TRYAGAIN the slot has moved, and the command was not kept to be sent on (redirect_bytes_max)',
);

function asItIs(reply: Buffer): Buffer {
  return reply;
}

function doNothing(): void {}
