import type { Socket } from 'node:net';
import type { RequestScanner } from '@undermoon/resp';
import {
  INCOMPLETE,
  MALFORMED,
  RespWriter,
  splitInline,
  UNBALANCED_QUOTES_TEXT,
} from '@undermoon/resp';
import type { Millis } from '@undermoon/runtime';
import type { AdminContext, AdminSessionInfo } from './admin-commands.ts';
import { answerCommand } from './admin-commands.ts';

/** What a session shares with the others, and where it comes from. */
export interface AdminSessionOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly scanner: RequestScanner;
  readonly context: AdminContext;
  readonly startedAt: Millis;
  /** Longest request. */
  readonly requestBytesMax: number;
  /** Unread replies at which a connection is closed. */
  readonly outputBytesMax: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** One connection to the coordinator's own port. */
export class AdminSession {
  readonly info: AdminSessionInfo;
  readonly #options: AdminSessionOptions;
  readonly #reply = new RespWriter(2);
  #carry: Buffer = Buffer.alloc(0);
  #activeAt: number;

  constructor(options: AdminSessionOptions) {
    this.#options = options;
    const { socket, id, startedAt } = options;
    const { remoteAddress, remotePort } = socket;
    this.info = { id, startedAt, peer: `${remoteAddress ?? '?'}:${remotePort ?? '?'}` };
    this.#activeAt = options.now();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk));
    // The close that follows ends the session.
    socket.on('error', () => socket.destroy());
  }

  /** When something was received last, in monotonic milliseconds. */
  get activeAt(): number {
    return this.#activeAt;
  }

  #onBytes(chunk: Buffer): void {
    const { scanner, socket } = this.#options;
    this.#activeAt = this.#options.now();
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let pos = 0;
    let goesOn = true;
    while (goesOn && pos < bytes.length) {
      const end = scanner.scan(bytes, pos, bytes.length);
      if (end === INCOMPLETE) break;
      if (end === MALFORMED) {
        this.#reply.error(`ERR ${scanner.errorText}`);
        goesOn = false;
        break;
      }
      goesOn = this.#onFrame(bytes, pos, end);
      pos = end;
    }
    // Copied: a view would keep the whole chunk.
    this.#carry = Buffer.from(bytes.subarray(pos));
    if (goesOn && this.#carry.length > this.#options.requestBytesMax) {
      this.#reply.error('ERR Protocol error: too big request');
      goesOn = false;
    }
    if (this.#reply.length > 0) socket.write(this.#reply.take());
    if (!goesOn) this.#finish();
    else if (socket.writableLength > this.#options.outputBytesMax) socket.destroy();
  }

  #onFrame(bytes: Buffer, pos: number, end: number): boolean {
    const { context, id } = this.#options;
    const words = this.#wordsOf(bytes, pos, end);
    if (words === null) {
      this.#reply.error(`ERR ${UNBALANCED_QUOTES_TEXT}`);
      return false;
    }
    if (words.length === 0) return true;
    return answerCommand(words, context, { sessionId: id, reply: this.#reply });
  }

  #wordsOf(bytes: Buffer, pos: number, end: number): readonly Buffer[] | null {
    const { scanner } = this.#options;
    if (scanner.isInline) return splitInline(bytes, pos, end);
    return Array.from({ length: scanner.argc }, (_, index) =>
      bytes.subarray(scanner.argStart[index], scanner.argEnd[index]),
    );
  }

  /** Sends what is owed, then closes. What else comes in is not read. */
  #finish(): void {
    const { socket } = this.#options;
    socket.removeAllListeners('data');
    socket.end(() => socket.destroy());
    socket.resume();
  }
}
