import type { MessagePort } from 'node:worker_threads';
import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import type { Fields } from '../core/info.ts';
import { sessionOf } from './admin-desk.ts';
import type { LoopReport } from './loop-messages.ts';
import type { AdminDesk, Client, Span } from './proxy-context.ts';

/** The desk of a loop that is not the control loop: it passes commands on, and their clients wait. */
export class RemoteDesk implements AdminDesk {
  readonly #port: MessagePort;
  /** By the number of the question. A client waits for one answer at a time, so this is bounded by them. */
  readonly #waiting = new Map<number, Client>();
  #nextAsk = 1;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  take(client: Client, _scanner: RequestScanner, { bytes, start, end }: Span): void {
    client.deferReply();
    this.answerDeferred(client, bytes.subarray(start, end), []);
  }

  answer(client: Client, args: readonly Buffer[]): void {
    client.deferReply();
    this.answerDeferred(client, encodeCommand(args), []);
  }

  answerDeferred(client: Client, bytes: Buffer, fromServers: Fields): void {
    const ask = this.#nextAsk++;
    // A view of the bytes would take all of the memory behind it along.
    const frame = new Uint8Array(bytes);
    const session = { ...sessionOf(client), fromServers };
    const report: LoopReport = { kind: 'ask', ask, frame, session };
    this.#waiting.set(ask, client);
    this.#port.postMessage(report);
  }

  onAnswer(ask: number, bytes: Uint8Array): void {
    const client = this.#waiting.get(ask);
    this.#waiting.delete(ask);
    client?.replyDeferred(Buffer.from(bytes));
  }
}
