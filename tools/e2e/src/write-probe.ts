import { setTimeout as wait } from 'node:timers/promises';
import { slotTags, SLOT_COUNT } from './key-slot.ts';
import type { StockClient } from './stock-client.ts';
import { until, within } from './until.ts';

/** A write that took longer than this was held up by the fault, even if it succeeded in the end. */
const SLOW_MS = 1500;

interface Sample {
  readonly key: string;
  readonly issuedAt: number;
  readonly endedAt: number;
  readonly error: string | null;
}

/** How the probe runs. */
export interface WriteProbeOptions {
  readonly client: StockClient;
  /** Begins all keys. */
  readonly label: string;
  /** Keys, spread evenly over the slots: every master has some. Default 16. */
  readonly keyCount?: number;
  /** Pause between two writes of one key. Default 50. */
  readonly paceMs?: number;
  /** Time in which a write must have an answer or an error. Default 12,000. */
  readonly settleMs?: number;
}

/** Writes a few keys of all slots all the time, each again as soon as the last write has an outcome. */
export class WriteProbe {
  readonly #client: StockClient;
  readonly #keys: readonly string[];
  readonly #paceMs: number;
  readonly #settleMs: number;
  readonly #samples: Sample[] = [];
  readonly #underWay = new Map<string, number>();
  readonly #loops: Promise<void>[];
  readonly #stopped = new AbortController();

  constructor(options: WriteProbeOptions) {
    const { client, label, keyCount = 16, paceMs = 50, settleMs = 12_000 } = options;
    const tags = slotTags();
    this.#client = client;
    this.#paceMs = paceMs;
    this.#settleMs = settleMs;
    this.#keys = Array.from({ length: keyCount }, (_, index) => {
      return `${label}:probe:{${tags[Math.floor(((index + 0.5) * SLOT_COUNT) / keyCount)]}}`;
    });
    this.#loops = this.#keys.map((key) => this.#write(key));
  }

  /** How long after `from` the last key was written again. */
  outageMs(from: number): number {
    const firsts = new Map<string, number>();
    for (const { key, issuedAt, endedAt, error } of this.#samples) {
      if (issuedAt >= from && error === null && !firsts.has(key)) firsts.set(key, endedAt);
    }
    return Math.max(this.#recoveredAt(from), ...firsts.values()) - from;
  }

  /** Writes that failed since `from`. */
  failuresSince(from: number): readonly string[] {
    return this.#samples
      .filter(({ endedAt, error }) => endedAt >= from && error !== null)
      .map(({ key, error }) => `${key}: ${error}`);
  }

  /**
   * Waits until writes of all keys have succeeded for `goodForMs`. Returns the time from which on they did: the
   * end of the last write that failed or was held up since `from`, or `from` if there was none.
   */
  async untilSteady(options: {
    readonly from: number;
    readonly goodForMs: number;
    readonly timeoutMs: number;
  }): Promise<number> {
    const { from, goodForMs, timeoutMs } = options;
    return until(
      `writes succeed for ${goodForMs} ms`,
      () => {
        const recoveredAt = this.#recoveredAt(from);
        const now = performance.now();
        const isHeldUp = [...this.#underWay.values()].some((issuedAt) => now - issuedAt > SLOW_MS);
        return !isHeldUp && now - recoveredAt >= goodForMs && this.#isCovered(recoveredAt)
          ? recoveredAt
          : null;
      },
      { timeoutMs },
    );
  }

  /** Stops; resolves when no write is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
  }

  /** When the last bad write that ran after `from` ended. */
  #recoveredAt(from: number): number {
    const bad = this.#samples.filter(
      ({ issuedAt, endedAt, error }) =>
        endedAt >= from && (error !== null || endedAt - issuedAt > SLOW_MS),
    );
    return bad.reduce((latest, { endedAt }) => Math.max(latest, endedAt), from);
  }

  /** Whether every key was written since. */
  #isCovered(from: number): boolean {
    const written = new Set(
      this.#samples.filter(({ issuedAt }) => issuedAt >= from).map(({ key }) => key),
    );
    return written.size === this.#keys.length;
  }

  async #write(key: string): Promise<void> {
    for (let count = 0; !this.#stopped.signal.aborted; count += 1) {
      const issuedAt = performance.now();
      this.#underWay.set(key, issuedAt);
      const sent = this.#client.send(key, ['SET', key, `${count}`]);
      const error = await within(`SET ${key}`, sent, this.#settleMs).then(
        () => null,
        (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
      );
      this.#underWay.delete(key);
      this.#samples.push({ key, issuedAt, endedAt: performance.now(), error });
      await wait(this.#paceMs);
    }
  }
}
