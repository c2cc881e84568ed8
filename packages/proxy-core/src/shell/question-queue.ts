import type { LoopQuestion } from '../core/loop-question.ts';

interface Waiting {
  readonly number: number;
  readonly question: LoopQuestion;
  /** Clients that were on their way to this loop when it was asked. */
  readonly arrivals: Set<number>;
}

/**
 * Questions to a loop in the order in which they came. Each waits for the clients that were on their way then:
 * no other loop knows them any more.
 */
export class QuestionQueue {
  readonly #answer: (number: number, question: LoopQuestion) => void;
  #waiting: Waiting[] = [];

  constructor(answer: (number: number, question: LoopQuestion) => void) {
    this.#answer = answer;
  }

  add(number: number, question: LoopQuestion, arrivals: Iterable<number>): void {
    this.#waiting.push({ number, question, arrivals: new Set(arrivals) });
    this.#answerDue();
  }

  /** That client came, or will not come. */
  onArrival(client: number): void {
    for (const { arrivals } of this.#waiting) arrivals.delete(client);
    this.#answerDue();
  }

  #answerDue(): void {
    const held = this.#waiting.findIndex(({ arrivals }) => arrivals.size > 0);
    const dueCount = held < 0 ? this.#waiting.length : held;
    const due = this.#waiting.slice(0, dueCount);
    this.#waiting = this.#waiting.slice(dueCount);
    for (const { number, question } of due) this.#answer(number, question);
  }
}
