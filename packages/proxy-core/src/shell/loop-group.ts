import type { PortKind } from '../core/connection-label.ts';
import type { BackendStats, DedicatedStats, PubsubStats } from '../core/info.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { LoopAnswer, LoopQuestion } from '../core/loop-question.ts';
import { addCounts, mergeBackends } from '../core/merge-stats.ts';
import { ClientSpread, type ClientSpreadParts, clientsOf } from './client-spread.ts';
import type { LoopCounters } from './loop-counters.ts';
import type { LoopQuestions } from './loop-questions.ts';
import type { LoopThread } from './loop-thread.ts';
import type { ServingLoop } from './serving-loop.ts';
import { TableBarrier, type TableBarrierParts } from './table-barrier.ts';
import type { AcceptedConnection } from './transport.ts';

/**
 * The event loops of one proxy: the one this runs on, which accepts and takes all decisions, and those in
 * threads of their own. With no threads everything goes straight to the one loop.
 */
export class LoopGroup {
  readonly #own: ServingLoop;
  #threads: readonly LoopThread[];
  readonly #counters: LoopCounters;
  readonly #barrier: TableBarrier;
  readonly #questions: LoopQuestions;
  /** Null: there is one loop. */
  readonly #spread: ClientSpread | null;

  constructor(parts: TableBarrierParts & ClientSpreadParts & { questions: LoopQuestions }) {
    this.#own = parts.own;
    this.#threads = parts.threads;
    this.#counters = parts.counters;
    this.#barrier = new TableBarrier(parts);
    this.#questions = parts.questions;
    this.#questions.begin(parts.own.answers);
    this.#spread = parts.threads.length === 0 ? null : new ClientSpread(parts);
  }

  get clientCount(): number {
    return this.clientCounts().reduce((sum, count) => sum + count, 0);
  }

  /** By loop. */
  clientCounts(): readonly number[] {
    const counters = this.#counters;
    return [this.#own.clientCount, ...this.#threads.map((thread) => clientsOf(thread, counters))];
  }

  /** Gives a connection to a loop. */
  accept(connection: AcceptedConnection, port: PortKind, id: number): void {
    const thread = this.#spread?.choose() ?? null;
    if (thread === null) this.#own.accept(connection, port, id);
    else thread.serve(connection, port, id);
  }

  turnAway(connection: AcceptedConnection): void {
    this.#own.turnAway(connection);
  }

  /** Routes by another table: with one loop at once, otherwise as soon as no loop routes by the old one. */
  useTable(table: RoutingTable): void {
    if (this.#threads.length === 0) this.#own.useTable(table);
    else this.#barrier.change(table);
  }

  onHeld(thread: LoopThread, generation: number): void {
    this.#barrier.onHeld(thread.index, generation);
  }

  onQuestion(thread: LoopThread, ask: number, question: LoopQuestion): void {
    this.#questions.onQuestion(thread, ask, question);
  }

  onAnswered(number: number, answer: LoopAnswer): void {
    this.#questions.onAnswer(number, answer);
  }

  backendStats(): readonly BackendStats[] {
    const own = this.#own.backendStats();
    return this.#threads.length === 0
      ? own
      : mergeBackends([own, ...this.#threads.map(({ stats }) => stats.backends)]);
  }

  dedicatedStats(): DedicatedStats {
    const own = this.#own.dedicatedStats();
    return this.#threads.reduce((sum, { stats }) => addCounts(sum, stats.dedicated), own);
  }

  pubsubStats(): PubsubStats {
    const own = this.#own.pubsubStats();
    return this.#threads.reduce((sum, { stats }) => addCounts(sum, stats.pubsub), own);
  }

  /** Lets every loop know something. */
  tell(question: LoopQuestion): void {
    const all = this.#threads.length === 0 ? this.#own.answers : this.#questions;
    all.ask(question, () => undefined);
  }

  endClients(): void {
    this.#own.endClients();
    for (const thread of this.#threads) thread.order({ kind: 'drain' });
  }

  /** Closes everything. Threads take a moment to end: the promise tells when they have. */
  async destroy(): Promise<void> {
    this.#barrier.destroy();
    this.#spread?.destroy();
    this.#own.destroy();
    const threads = this.#threads;
    this.#threads = [];
    await Promise.all(threads.map((thread) => thread.end()));
  }
}
