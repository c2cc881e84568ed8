import { setImmediate as turn } from 'node:timers/promises';
import { seededRandom, type SeededRandom } from '@undermoon/testkit';
import { type KnownDifference, knownDifferenceOf } from './known-differences.ts';
import {
  type Batch,
  CONNECTIONS,
  type DueReply,
  type Step,
  textOfProgram,
  type Unit,
} from './program.ts';
import { repliesAgree } from './reply-rules.ts';
import type { KeyFacts, Side } from './side.ts';

/** Where the two sides are not the same. */
export interface Difference {
  readonly kind: 'reply' | 'end' | 'data';
  /** The requests that it was noticed at. */
  readonly at: string;
  readonly ours: string;
  readonly theirs: string;
}

/** What a run tells while it goes on. */
export interface RunWatcher {
  onBatch?(batch: Batch): void;
  onKnownDifference?(known: KnownDifference): void;
}

const REPLY_TIMEOUT_MS = 8000;
const CUTS_MAX = 3;
const SAME_TIME_MS = 60_000;

/** Runs programs on our side and on Redis' side and compares what both answer and hold. */
export class Runner {
  readonly #ours: Side;
  readonly #theirs: Side;
  readonly #known: readonly KnownDifference[];

  constructor(ours: Side, theirs: Side, known: readonly KnownDifference[]) {
    this.#ours = ours;
    this.#theirs = theirs;
    this.#known = known;
  }

  /** Empty servers and new connections on both sides. */
  async reset(): Promise<void> {
    await Promise.all([this.#ours.reset(), this.#theirs.reset()]);
  }

  /** Sends a batch to both sides; the first difference, or null. */
  async runBatch(batch: Batch, watcher: RunWatcher = {}): Promise<Difference | null> {
    const cuts = seededRandom(batch.cutSeed);
    for (const pipeline of pipelines(batch.units)) {
      for (const step of pipeline.steps) {
        const found = await this.#runStep(step, cuts, watcher);
        if (found !== null) return found;
      }
      const found = await this.#endOf(pipeline.closes, pipeline.text);
      if (found !== null) return found;
      if (pipeline.isSweptAfter) await this.#sweep();
    }
    watcher.onBatch?.(batch);
    return this.#strayReply(batch);
  }

  /** Compares the data of both servers. */
  async compareData(): Promise<Difference | null> {
    await this.#sweep();
    const [ours, theirs] = await Promise.all([this.#ours.keys(), this.#theirs.keys()]);
    const scanned = (await this.#ours.scanned()).toSorted().join(' ');
    const expected = [...ours.keys()].toSorted().join(' ');
    if (scanned !== expected) {
      return { kind: 'data', at: 'a whole SCAN', ours: scanned, theirs: expected };
    }
    for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
      const [a, b] = [ours.get(key), theirs.get(key)];
      if (!isSameKey(a, b)) {
        const at = `the key ${JSON.stringify(key)}`;
        return { kind: 'data', at, ours: textOfFacts(a), theirs: textOfFacts(b) };
      }
    }
    return null;
  }

  async #runStep(
    step: LabelledStep,
    cuts: SeededRandom,
    watcher: RunWatcher,
  ): Promise<Difference | null> {
    const bytes = Buffer.concat(step.requests.map((request) => request.bytes));
    await Promise.all([
      sendInPieces(this.#ours, step.connection, bytes, cuts),
      this.#theirs.connection(step.connection).send(bytes),
    ]);
    if (step.isBlocking) {
      await Promise.all([waits(this.#ours, step), waits(this.#theirs, step)]);
    }
    for (let connection = 0; connection < CONNECTIONS; connection++) {
      const due = step.due.filter((reply) => reply.connection === connection);
      const found = due.length === 0 ? null : await this.#compareReplies(connection, due, watcher);
      if (found !== null) return found;
    }
    return null;
  }

  async #compareReplies(
    connection: number,
    due: readonly LabelledReply[],
    watcher: RunWatcher,
  ): Promise<Difference | null> {
    const [ours, theirs] = await Promise.all(
      [this.#ours, this.#theirs].map((side) =>
        side.connection(connection).take(due.length, REPLY_TIMEOUT_MS),
      ),
    );
    for (const [i, { rule, text }] of due.entries()) {
      const [a, b] = [ours?.[i], theirs?.[i]];
      if (a !== undefined && b !== undefined) {
        if (repliesAgree(rule, a, b)) continue;
        const known = knownDifferenceOf(this.#known, text, a, b);
        if (known !== null) {
          watcher.onKnownDifference?.(known);
          continue;
        }
      }
      return { kind: 'reply', at: text, ours: textOfReply(a), theirs: textOfReply(b) };
    }
    return null;
  }

  /** Both sides must end the connection that the unit ends; it is opened anew. */
  async #endOf(closes: number | null, text: string): Promise<Difference | null> {
    if (closes === null) return null;
    const [ours, theirs] = await Promise.all(
      [this.#ours, this.#theirs].map((side) => side.connection(closes).ends(REPLY_TIMEOUT_MS)),
    );
    if (ours !== true || theirs !== true) {
      return { kind: 'end', at: text, ours: `closed: ${ours}`, theirs: `closed: ${theirs}` };
    }
    await Promise.all([this.#ours.reconnect(closes), this.#theirs.reconnect(closes)]);
    return null;
  }

  async #sweep(): Promise<void> {
    await Promise.all([this.#ours.sweep(), this.#theirs.sweep()]);
  }

  async #strayReply(batch: Batch): Promise<Difference | null> {
    for (let index = 0; index < CONNECTIONS; index++) {
      const sides = [this.#ours, this.#theirs].map((side) => side.connection(index));
      if (sides.every(({ readyCount, isClosed }) => readyCount === 0 && !isClosed)) continue;
      const [ours = '', theirs = ''] = await Promise.all(
        sides.map(async (side) => {
          const [frame] = await side.take(side.readyCount === 0 ? 0 : 1, 0);
          return `connection ${index} ${side.isClosed ? 'closed' : 'open'}, besides: ${textOfReply(frame)}`;
        }),
      );
      return { kind: 'end', at: textOfProgram([batch]).join('; '), ours, theirs };
    }
    return null;
  }
}

interface LabelledReply extends DueReply {
  readonly text: string;
}

interface LabelledStep extends Step {
  readonly due: readonly LabelledReply[];
}

interface Pipeline {
  readonly steps: readonly LabelledStep[];
  readonly closes: number | null;
  readonly isSweptAfter: boolean;
  readonly text: string;
}

/** Neighbouring units of one step for one connection become one write. */
function pipelines(units: readonly Unit[]): Pipeline[] {
  const joined: Pipeline[] = [];
  for (const unit of units) {
    const text = textOfProgram([{ units: [unit], cutSeed: 0 }]).join('; ');
    const steps = unit.steps.map((step) => ({
      ...step,
      due: step.replies.map((reply) => ({ ...reply, text })),
    }));
    const last = joined.at(-1);
    const isOpen = last?.closes === null && !last.isSweptAfter;
    const merged = isOpen ? mergedStep(last.steps, steps) : null;
    const end = { closes: unit.closes, isSweptAfter: unit.isSweptAfter === true, text };
    if (merged === null) joined.push({ steps, ...end });
    else joined[joined.length - 1] = { steps: [merged], ...end };
  }
  return joined;
}

function mergedStep(a: readonly LabelledStep[], b: readonly LabelledStep[]): LabelledStep | null {
  const [first, ...moreOfFirst] = a;
  const [second, ...moreOfSecond] = b;
  if (first === undefined || second === undefined) return null;
  const isAlone = moreOfFirst.length === 0 && moreOfSecond.length === 0;
  if (!isAlone || first.connection !== second.connection || first.isBlocking || second.isBlocking) {
    return null;
  }
  return {
    ...first,
    requests: [...first.requests, ...second.requests],
    due: [...first.due, ...second.due],
  };
}

/** Cuts the bytes at random places, so that the proxy reads them in pieces. */
async function sendInPieces(
  side: Side,
  index: number,
  bytes: Buffer,
  random: SeededRandom,
): Promise<void> {
  const connection = side.connection(index);
  const cuts = Array.from({ length: random.int(CUTS_MAX + 1) }, () => random.int(bytes.length + 1));
  let start = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    if (cut === start) continue;
    await connection.send(bytes.subarray(start, cut));
    start = cut;
    // The server is in this process: it reads what was sent before more comes.
    if (cut < bytes.length) await turn();
  }
}

/** Resolves when the request waits at the server or was answered. */
async function waits(side: Side, { connection }: Step): Promise<void> {
  const giveUpAt = performance.now() + REPLY_TIMEOUT_MS;
  while (performance.now() < giveUpAt) {
    if (side.connection(connection).readyCount > 0) return;
    if (await side.hasBlockedClient()) return;
  }
}

function isSameKey(a: KeyFacts | undefined, b: KeyFacts | undefined): boolean {
  if (a === undefined || b === undefined || a.digest !== b.digest) return false;
  if (a.expiryMs < 0 || b.expiryMs < 0) return a.expiryMs === b.expiryMs;
  return Math.abs(a.expiryMs - b.expiryMs) <= SAME_TIME_MS;
}

function textOfFacts(facts: KeyFacts | undefined): string {
  return facts === undefined ? 'no such key' : `value ${facts.digest}, expiry ${facts.expiryMs}`;
}

function textOfReply(frame: Buffer | undefined): string {
  return frame === undefined ? '(none)' : JSON.stringify(frame.toString('latin1'));
}
