import { setTimeout as wait } from 'node:timers/promises';
import { Cell, type Attempt, type FaultTimes } from './cell.ts';
import { slotTags, SLOT_COUNT } from './key-slot.ts';
import { CELL_KINDS } from './operation.ts';
import { seededRandom, type SeededRandom } from '@undermoon/testkit';
import type { StockClient } from './stock-client.ts';
import { within } from './until.ts';

const VIOLATIONS_MAX = 20;

/** How a workload runs. */
export interface WorkloadOptions {
  readonly client: StockClient;
  readonly seed: number;
  /** Begins all keys; workloads on one cluster need different ones. */
  readonly label: string;
  /** Cells of keys, spread evenly over the slots. Default 320. */
  readonly cellCount?: number;
  /** Concurrent writers, each with cells of its own. Default 4. */
  readonly workerCount?: number;
  /** Commands and pipelines that a worker sends at once. Default 16. */
  readonly batchSize?: number;
  /** Pause of a worker between batches, which bounds the load on the machine. Default 5. */
  readonly paceMs?: number;
  /** Time in which a command must have an answer or an error. Default 12,000. */
  readonly settleMs?: number;
}

/** What a workload did so far. */
export interface WorkloadStats {
  replies: number;
  errors: number;
  slowestMs: number;
  readonly errorTexts: Map<string, number>;
}

/**
 * Mixed work with pipelines from one stock client that checks each reply against what earlier replies leave
 * possible. `violations` must stay empty always, `stats.errors` 0 while nothing fails.
 */
export class Workload {
  readonly violations: string[] = [];
  readonly stats: WorkloadStats = { replies: 0, errors: 0, slowestMs: 0, errorTexts: new Map() };
  readonly cells: readonly Cell[];
  readonly #options: Required<WorkloadOptions>;
  #workers: Promise<void>[] = [];
  #isRunning = false;
  #rounds = 0;

  constructor(options: WorkloadOptions) {
    this.#options = {
      cellCount: 320,
      workerCount: 4,
      batchSize: 16,
      paceMs: 5,
      settleMs: 12_000,
      ...options,
    };
    this.cells = cellsOf(this.#options);
  }

  /** Starts the workers. */
  start(): void {
    this.#isRunning = true;
    this.#rounds += 1;
    const { workerCount, seed } = this.#options;
    this.#workers = Array.from({ length: workerCount }, (_, index) => {
      const random = seededRandom(seed).fork(`worker ${index}, round ${this.#rounds}`);
      return this.#work(index, random);
    });
  }

  /** Starts the workers, and stops them after a while. */
  async runFor(durationMs: number): Promise<void> {
    this.start();
    await wait(durationMs);
    await this.pause();
  }

  /** Stops the workers; resolves when no command is under way. */
  async pause(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#workers);
  }

  /** From now on, errors and lost writes are to be expected. Wrong data is not. */
  beginFault(): void {
    for (const cell of this.cells) cell.beginFault();
  }

  /** Reads every cell after a fault and takes it as the truth, unless the fault cannot explain it. Paused only. Returns how many acknowledged writes were lost. */
  async adopt(times: FaultTimes): Promise<number> {
    await this.#readAll(this.#options.client, (cell, reply) => cell.adopt(reply, times));
    return this.cells.reduce((sum, { lostCount }) => sum + lostCount, 0);
  }

  /** Reads every cell, with this or another client, and compares. Paused only. */
  async verify(client: StockClient = this.#options.client): Promise<void> {
    await this.#readAll(client, (cell, reply) => {
      const now = performance.now();
      return cell.onReply({ operation: cell.read(), issuedAt: now }, reply, now);
    });
  }

  /** One line for people. */
  summary(): string {
    const { replies, errors, slowestMs, errorTexts } = this.stats;
    const texts = [...errorTexts].map(([text, count]) => `${count} x ${text}`).join('; ');
    const slowest = Math.round(slowestMs);
    return `${this.#options.client.name}: ${replies} replies, ${errors} errors${texts && ` (${texts})`}, slowest ${slowest} ms`;
  }

  async #readAll(
    client: StockClient,
    check: (cell: Cell, reply: unknown) => string | null,
  ): Promise<void> {
    const reads = this.cells.map(async (cell) => {
      const wrong = check(cell, await client.send(cell.key, cell.read().words));
      if (wrong !== null) this.#violate(wrong);
    });
    await within('all cells are read', Promise.all(reads), this.#options.settleMs);
  }

  async #work(index: number, random: SeededRandom): Promise<void> {
    const { workerCount, batchSize, paceMs } = this.#options;
    const own = this.cells.filter((_, number) => number % workerCount === index);
    while (this.#isRunning) {
      // Each cell once in a batch: commands of one key are never under way at the same time, except in a pipeline.
      const chosen = new Set(Array.from({ length: batchSize }, () => random.pick(own)));
      await Promise.all(
        [...chosen].map((cell) =>
          random.chance(0.2) ? this.#sendTogether(cell, random) : this.#send(cell, random),
        ),
      );
      await wait(paceMs);
    }
  }

  async #send(cell: Cell, random: SeededRandom): Promise<void> {
    const operation = cell.choose(random);
    const send = (): Promise<unknown> => this.#options.client.send(cell.key, operation.words);
    await this.#settle(cell, [operation], async () => [await send()]);
  }

  async #sendTogether(cell: Cell, random: SeededRandom): Promise<void> {
    const operations = Array.from({ length: 2 + random.int(4) }, () => cell.choose(random));
    const commands = operations.map(({ words }) => words);
    await this.#settle(cell, operations, () =>
      this.#options.client.sendTogether(cell.key, commands),
    );
  }

  /** Sends, and tells the cell of the outcome of each command in order. */
  async #settle(
    cell: Cell,
    operations: readonly Attempt['operation'][],
    send: () => Promise<readonly unknown[]>,
  ): Promise<void> {
    const issuedAt = performance.now();
    const attempts = operations.map((operation) => ({ operation, issuedAt }));
    try {
      const text = operations.map(({ words }) => words.join(' ')).join(', ');
      const replies = await within(text, send(), this.#options.settleMs);
      const at = performance.now();
      for (const [index, attempt] of attempts.entries()) {
        const wrong = cell.onReply(attempt, replies[index], at);
        if (wrong !== null) this.#violate(wrong);
      }
      this.stats.replies += replies.length;
    } catch (error) {
      for (const attempt of attempts) cell.onNoReply(attempt);
      this.#countError(error);
    }
    this.stats.slowestMs = Math.max(this.stats.slowestMs, performance.now() - issuedAt);
  }

  #countError(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text.startsWith('no outcome within')) this.#violate(`hangs: ${text}`);
    // Addresses and slots differ from one error to the next.
    const kind = text.replaceAll(/\d+/g, 'N').slice(0, 100);
    this.stats.errors += 1;
    this.stats.errorTexts.set(kind, (this.stats.errorTexts.get(kind) ?? 0) + 1);
  }

  #violate(text: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }
}

function cellsOf({ cellCount, label }: Required<WorkloadOptions>): readonly Cell[] {
  const tags = slotTags();
  return Array.from({ length: cellCount }, (_, index) => {
    const slot = Math.floor(((index + 0.5) * SLOT_COUNT) / cellCount);
    const kind = CELL_KINDS[index % CELL_KINDS.length] ?? 'text';
    return new Cell({ label, id: `c${index}` }, kind, tags[slot] ?? '');
  });
}
