import { type LoopAnswer, type LoopQuestion, mergeAnswers } from '../core/loop-question.ts';
import type { LoopThread } from './loop-thread.ts';
import type { AllLoops } from './proxy-context.ts';

interface Pending {
  /** Loops that have not answered yet. */
  left: number;
  readonly answers: LoopAnswer[];
  readonly take: (answer: LoopAnswer) => void;
}

/**
 * Asks all loops of a proxy with threads; it runs beside the first loop, where every question passes. All loops
 * are asked in one turn, so a client that moves meanwhile is found once: either it has not left, or its new loop
 * has been told of it before the question.
 */
export class LoopQuestions implements AllLoops {
  readonly #threads: readonly LoopThread[];
  /** The first loop's own answers. */
  #own: AllLoops | null = null;
  /** Bounded by the clients, of which each waits for one answer, and by scripts that were loaded just now. */
  readonly #pending = new Map<number, Pending>();
  #lastNumber = 0;

  constructor(threads: readonly LoopThread[]) {
    this.#threads = threads;
  }

  /** Called once, before the first question. */
  begin(own: AllLoops): void {
    this.#own = own;
  }

  ask(question: LoopQuestion, take: (answer: LoopAnswer) => void): void {
    const number = ++this.#lastNumber;
    this.#pending.set(number, { left: this.#threads.length + 1, answers: [], take });
    for (const thread of this.#threads) thread.order({ kind: 'question', number, question });
    this.#own?.ask(question, (answer) => this.onAnswer(number, answer));
  }

  /** A thread asks. */
  onQuestion(thread: LoopThread, ask: number, question: LoopQuestion): void {
    this.ask(question, (answer) => thread.order({ kind: 'answers', ask, answer }));
  }

  onAnswer(number: number, answer: LoopAnswer): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    pending.answers.push(answer);
    if (--pending.left > 0) return;
    this.#pending.delete(number);
    pending.take(mergeAnswers(pending.answers));
  }
}

/** The same for a loop in a thread: it asks through the first loop. */
export class RemoteQuestions implements AllLoops {
  readonly #send: (ask: number, question: LoopQuestion) => void;
  readonly #waiting = new Map<number, (answer: LoopAnswer) => void>();
  #nextAsk = 1;

  constructor(send: (ask: number, question: LoopQuestion) => void) {
    this.#send = send;
  }

  ask(question: LoopQuestion, take: (answer: LoopAnswer) => void): void {
    const ask = this.#nextAsk++;
    this.#waiting.set(ask, take);
    this.#send(ask, question);
  }

  onAnswers(ask: number, answer: LoopAnswer): void {
    const take = this.#waiting.get(ask);
    this.#waiting.delete(ask);
    take?.(answer);
  }
}
