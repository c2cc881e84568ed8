import { COMMAND_ID } from '../core/command-table.generated.ts';
import { shortened } from '../core/slow-log.ts';
import { unreachableReply } from '../core/replies.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { forwardOver } from './forward-over.ts';
import { COMMANDS_PROCESSED } from './loop-counters.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import type { Client, Span } from './proxy-context.ts';

/** Sends a run of commands some of which are timed. They are counted already. */
export function forwardSampled(
  client: Client,
  group: BackendGroup,
  { bytes, start, end }: Span,
  count: number,
): void {
  const { slowLog, counters, secondScanner } = client.context;
  const backend = client.backendOf(group);
  // What another proxy redirects is sent on: it is timed there.
  if (backend.options.isPeer) {
    if (!forwardOver(client, backend, bytes, start, end, count)) refuse(client, group, count);
    return;
  }
  let number = (counters[COMMANDS_PROCESSED] ?? 0) - count + 1;
  let pos = start;
  let left = count;
  while (left > 0) {
    const untimed = Math.min(left, Math.max(0, slowLog.nextAt - number));
    let next = untimed === left ? end : pos;
    if (untimed < left) {
      for (let i = 0; i < untimed; i++) next = secondScanner.scan(bytes, next, end);
    }
    if (untimed > 0 && !client.forward(backend, untimed, bytes, pos, next)) break;
    pos = next;
    number += untimed;
    left -= untimed;
    if (left === 0) break;
    next = secondScanner.scan(bytes, pos, end);
    const timed = new TimedCall(client, shortened(bytes, secondScanner));
    if (!backend.request(timed, 1, false, bytes, pos, next)) break;
    client.owe(backend, 1);
    slowLog.sampled(number);
    pos = next;
    number++;
    left--;
  }
  refuse(client, group, left);
}

function refuse(client: Client, { address }: BackendGroup, count: number): void {
  for (let i = 0; i < count; i++) client.reply(unreachableReply(address));
}

/** Commands with passwords, those of coordinators, and EXEC, which is timed on its way to a server. */
const NEVER_TIMED: ReadonlySet<number> = new Set([
  COMMAND_ID.AUTH,
  COMMAND_ID.HELLO,
  COMMAND_ID.EXEC,
  COMMAND_ID.UMCTL,
]);

/** Times the command in hand, which is not sent as others are, if it is its turn. Null: it is not timed. */
export function timedCommand(
  client: Client,
  { bytes, start, end }: Span,
  id: number,
): TimedCall | null {
  const { slowLog, counters, secondScanner } = client.context;
  const number = counters[COMMANDS_PROCESSED] ?? 0;
  if (number < slowLog.nextAt || NEVER_TIMED.has(id)) return null;
  slowLog.sampled(number);
  secondScanner.scan(bytes, start, end);
  return new TimedCall(client, shortened(bytes, secondScanner));
}

/** The command in hand is done when it is answered: now, or when its reply has left if that takes turns. */
export function endWhenAnswered(client: Client, timed: TimedCall): void {
  if (client.isAccepting) timed.end();
  else client.whenQuiet(() => timed.end());
}

/**
 * Times a command that goes to several servers, or a transaction: there are so few of them that each is. Null: nothing
 * is timed.
 */
export function timedAlways(client: Client, command: Buffer | null): TimedCall | null {
  const { slowLog, secondScanner } = client.context;
  if (command === null || slowLog.nextAt === Number.POSITIVE_INFINITY) return null;
  secondScanner.scan(command, 0, command.length);
  return new TimedCall(client, shortened(command, secondScanner));
}

/** Passes the reply of one command on to its client and notes how long it took. */
export class TimedCall implements ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly unitSize = 1;
  readonly #client: Client;
  readonly #args: readonly Uint8Array[];
  readonly #atMs: number;
  readonly #startMs: number;
  #firstReplyUs = -1;

  constructor(client: Client, args: readonly Uint8Array[]) {
    const { clock } = client.context;
    this.owner = client.owner;
    this.#client = client;
    this.#args = args;
    this.#atMs = clock.now();
    this.#startMs = clock.monotonicMs();
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    if (this.#firstReplyUs < 0) this.#firstReplyUs = this.#elapsedUs();
    this.#client.onReplyBytes(source, bytes, start, end, completed);
    if (completed > 0) this.end();
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    this.#client.onReplyLoss(source, count, loss, isCut);
    this.end();
  }

  /** What is carried out anew, perhaps at another proxy, is not timed. */
  forgetLast(): void {}

  onBackendRoom(): void {
    this.#client.onBackendRoom();
  }

  /** The reply is there. */
  end(): void {
    const { session, peer, context } = this.#client;
    const durationUs = this.#elapsedUs();
    context.loop.latency.note('command', durationUs / 1000);
    context.slowLog.note({
      atMs: this.#atMs,
      durationUs,
      firstReplyUs: this.#firstReplyUs,
      args: this.#args,
      session: session.id,
      peer,
      name: session.name,
    });
  }

  #elapsedUs(): number {
    return Math.round((this.#client.context.clock.monotonicMs() - this.#startMs) * 1000);
  }
}
