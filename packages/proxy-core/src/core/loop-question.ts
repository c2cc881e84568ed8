import type { ClientFilter } from './client-filter.ts';
import { type DeniedLogin, mergeDenied } from './denied-logins.ts';
import { type LatencyEvent, mergeLatency } from './latency-events.ts';
import type { TopicKind } from './subscriptions.ts';
import type { SlowCommand, SlowLogSettings } from './slow-log.ts';

/**
 * What a command wants of every event loop of the proxy. It travels between threads, so it is data; bytes in it
 * have memory of their own.
 */
export type LoopQuestion =
  /** CLIENT LIST; `asker` is the number of the client that asks. */
  | { readonly kind: 'list'; readonly filter: ClientFilter; readonly asker: number }
  /** CLIENT KILL. The asker is counted, not closed. */
  | { readonly kind: 'kill'; readonly filter: ClientFilter; readonly asker: number }
  /** CLIENT PAUSE, from now on. */
  | { readonly kind: 'pause'; readonly isForAll: boolean; readonly forMs: number }
  | { readonly kind: 'unpause' }
  /** CLIENT UNBLOCK. */
  | { readonly kind: 'unblock'; readonly client: number; readonly reason: 'TIMEOUT' | 'ERROR' }
  /** Tells a client which keys changed: see `invalidation.ts`. The answer counts it, if it is there. */
  | {
      readonly kind: 'invalidate';
      readonly client: number;
      readonly payload: Uint8Array;
    }
  /** A script was loaded into every server. */
  | { readonly kind: 'script-loaded'; readonly digest: string; readonly body: Uint8Array }
  /** Who knows this script? */
  | { readonly kind: 'script-body'; readonly digest: string }
  /** SLOWLOG GET: the newest commands of each loop. SLOWLOG LEN with a count of 0. */
  | { readonly kind: 'slow-log'; readonly count: number }
  | { readonly kind: 'slow-log-clear' }
  /** From now on. What is not given stays as it is. */
  | { readonly kind: 'slow-log-change'; readonly settings: Partial<SlowLogSettings> }
  /** From now on clients are closed after so many milliseconds without a word; 0: never. */
  | { readonly kind: 'session-timeout'; readonly timeoutMs: number }
  /** From now on servers may take so many milliseconds to answer. */
  | { readonly kind: 'backend-timeout'; readonly timeoutMs: number }
  /** LATENCY: what was noted. */
  | { readonly kind: 'latency' }
  /** LATENCY RESET: the answer is what was forgotten; null: all of it. */
  | { readonly kind: 'latency-reset'; readonly names: readonly string[] | null }
  /** From now on; 0: nothing is noted. */
  | { readonly kind: 'latency-change'; readonly thresholdMs: number }
  /** ACL LOG: the logins that failed. */
  | { readonly kind: 'denied' }
  | { readonly kind: 'denied-clear' }
  /** From now on so many are kept. */
  | { readonly kind: 'denied-change'; readonly entriesMax: number }
  /** So many clients more monitor. */
  | { readonly kind: 'monitors'; readonly change: number }
  /** What clients that monitor get. */
  | { readonly kind: 'monitored'; readonly lines: Uint8Array }
  /** All scripts were removed from every server. */
  | { readonly kind: 'scripts-flushed' }
  /** PUBSUB CHANNELS and its like: topics that clients subscribed to. */
  | { readonly kind: 'topics'; readonly of: TopicKind; readonly pattern: string | null }
  /** PUBSUB NUMSUB and its like: how many clients did. */
  | { readonly kind: 'subscribers'; readonly of: TopicKind; readonly names: readonly string[] };

/** One line of CLIENT LIST. */
export interface ClientLine {
  readonly id: number;
  readonly line: string;
}

/** What a loop, or all of them together, answer. Only what the question is about is filled in. */
export interface LoopAnswer {
  /** Clients that were closed or told something, or whose wait was ended; entries of the slow log. */
  readonly count: number;
  /** The client that asks is among those to be closed. */
  readonly isAskerIn: boolean;
  readonly lines: readonly ClientLine[];
  /** Null: it is not known. */
  readonly body: Uint8Array | null;
  /** Topics, each once. */
  readonly topics: readonly string[];
  /** A number for each name that was asked for. */
  readonly counts: readonly number[];
  readonly slow: readonly SlowCommand[];
  /** Each event once. */
  readonly latency: readonly LatencyEvent[];
  /** The latest first. */
  readonly denied: readonly DeniedLogin[];
}

/** The answer to a question that only wants something done. */
export const DONE: LoopAnswer = {
  count: 0,
  isAskerIn: false,
  lines: [],
  body: null,
  topics: [],
  counts: [],
  slow: [],
  latency: [],
  denied: [],
};

/** The answers of all loops as one. */
export function mergeAnswers(answers: readonly LoopAnswer[]): LoopAnswer {
  return {
    count: answers.reduce((sum, { count }) => sum + count, 0),
    isAskerIn: answers.some(({ isAskerIn }) => isAskerIn),
    lines: answers.flatMap(({ lines }) => lines),
    body: answers.find(({ body }) => body !== null)?.body ?? null,
    topics: [...new Set(answers.flatMap(({ topics }) => topics))],
    counts: answers.reduce<number[]>((sums, { counts }) => {
      counts.forEach((count, i) => {
        sums[i] = (sums[i] ?? 0) + count;
      });
      return sums;
    }, []),
    slow: answers.flatMap(({ slow }) => slow),
    latency: mergeLatency(answers.flatMap(({ latency }) => latency)),
    denied: mergeDenied(answers.map(({ denied }) => denied)),
  };
}

/** The text of CLIENT LIST: the clients that were asked for, in that order, or all by their age. */
export function clientListOf(lines: readonly ClientLine[], ids: readonly number[] | null): string {
  const byId = new Map(lines.map(({ id, line }) => [id, line]));
  const order = ids ?? [...byId.keys()].toSorted((a, b) => a - b);
  return order.map((id) => (byId.has(id) ? `${byId.get(id)}\n` : '')).join('');
}
