import type { LosingSink, LostUnit, SortedOut } from '../core/lost-commands.ts';
import type { RunQueue } from '../core/run-queue.ts';
import {
  COMMANDS_LOST,
  COMMANDS_RESENT,
  COMMANDS_RETRIED,
  COMMANDS_UNREACHABLE,
} from './loop-counters.ts';

/** Why replies will not come. */
export type BackendLoss =
  /** The commands were never executed: the server cannot be reached. */
  | 'unreachable'
  /** The connection broke; the commands may have been executed. */
  | 'lost'
  /** No reply within the backend timeout; the commands may have been executed. */
  | 'timeout';

/** Replies that will not come. */
export interface FailedReply<Sink> {
  readonly sink: Sink;
  readonly count: number;
  readonly loss: BackendLoss;
}

/** Carries out again what one client, say, had sent, in its order. */
export interface CommandOwner<Source, Sink> {
  /**
   * `units` are the last commands of this owner that `source` owes replies to; they are not executed, or only read.
   * What cannot be carried out now is added to `failed`.
   */
  carryOn(source: Source, units: readonly LostUnit<Sink>[], failed: FailedReply<Sink>[]): void;
}

/** Who is told of lost replies. */
export interface LossTaker<Source, Sink> extends LosingSink {
  /** Whose commands these are: their order counts. Null: nobody's, they have none. */
  readonly owner: CommandOwner<Source, Sink> | null;
  /** The command is the proxy's own: no client gets an error for it, and it is not counted as one of theirs. */
  readonly isOwnWork?: boolean;
  /** The next `count` replies of `source` will not come. `isCut`: a part of the first was delivered. */
  onReplyLoss(source: Source, count: number, loss: BackendLoss, isCut: boolean): void;
}

/** A connection that takes commands again. */
export interface Resender<Sink> {
  readonly options: { readonly counters: Float64Array };
  /** False: the server cannot be reached now. */
  resend(unit: LostUnit<Sink>): boolean;
}

/** Puts what can be sent again on its way, then tells everyone else. */
export function concludeLoss<Source extends Resender<Sink>, Sink extends LossTaker<Source, Sink>>(
  source: Source,
  { failed, again }: SortedOut<Sink>,
  loss: BackendLoss,
  isCut: boolean,
): void {
  // First, so that what clients send when they are told comes behind it.
  const late: FailedReply<Sink>[] = [];
  for (const [owner, units] of byOwner(again)) {
    if (owner === null) resendAll(source, units, late);
    else owner.carryOn(source, units, late);
  }
  const failures = failed.map(({ sink, count, isNever }): FailedReply<Sink> => {
    return { sink, count, loss: isNever ? 'unreachable' : loss };
  });
  failures.push(...late);
  failures.forEach((failure, index) => tell(source, failure, isCut && index === 0));
}

/** Takes the oldest replies off a queue that belong to these commands: they will not come. */
export function failOldest<Source extends Resender<Sink>, Sink extends LossTaker<Source, Sink>>(
  source: Source,
  queue: RunQueue<Sink>,
  late: readonly { readonly count: number; readonly wasSent: boolean }[],
): void {
  for (const { count: total, wasSent } of late) {
    for (let left = total; left > 0;) {
      const sink = queue.headSink();
      if (sink === null) return;
      const count = Math.min(left, queue.headCount());
      left -= count;
      queue.take(count);
      tell(source, { sink, count, loss: wasSent ? 'lost' : 'unreachable' }, false);
    }
  }
}

function tell<Source extends Resender<Sink>, Sink extends LossTaker<Source, Sink>>(
  source: Source,
  { sink, count, loss }: FailedReply<Sink>,
  isCut: boolean,
): void {
  const { counters } = source.options;
  const counter = loss === 'unreachable' ? COMMANDS_UNREACHABLE : COMMANDS_LOST;
  if (sink.isOwnWork !== true) counters[counter] = (counters[counter] ?? 0) + count;
  sink.onReplyLoss(source, count, loss, isCut);
}

/** Counts commands that are sent again, or late. */
export function noteResent(
  counters: Float64Array,
  { count, wasSent }: { readonly count: number; readonly wasSent: boolean },
): void {
  const counter = wasSent ? COMMANDS_RESENT : COMMANDS_RETRIED;
  counters[counter] = (counters[counter] ?? 0) + count;
}

/** Sends units again over the same connection. */
function resendAll<Sink>(
  source: Resender<Sink>,
  units: readonly LostUnit<Sink>[],
  failed: FailedReply<Sink>[],
): void {
  for (const unit of units) if (!source.resend(unit)) failed.push(failedUnit(unit));
}

/** What a unit comes to that is not sent again. */
export function failedUnit<Sink>({ sink, count, wasSent }: LostUnit<Sink>): FailedReply<Sink> {
  return { sink, count, loss: wasSent ? 'lost' : 'unreachable' };
}

function byOwner<Source, Sink extends LossTaker<Source, Sink>>(
  units: readonly LostUnit<Sink>[],
): ReadonlyMap<CommandOwner<Source, Sink> | null, LostUnit<Sink>[]> {
  const owners = new Map<CommandOwner<Source, Sink> | null, LostUnit<Sink>[]>();
  for (const unit of units) {
    const { owner } = unit.sink;
    const known = owners.get(owner);
    if (known === undefined) owners.set(owner, [unit]);
    else known.push(unit);
  }
  return owners;
}
