/** So many places of answered requests are kept before the list is cut. */
const SPENT_MAX = 1024;

interface Waiter {
  /** How many answers have to have come. */
  answers: number;
  readonly done: () => void;
}

/** Requests on one connection that are answered in their order, and those who wait until they are. */
export class AnswerQueue<Request> {
  #requests: Request[] = [];
  /** From here on they are not answered yet. */
  #first = 0;
  #answeredCount = 0;
  #waiters: Waiter[] = [];

  /** Requests without an answer. */
  get openCount(): number {
    return this.#requests.length - this.#first;
  }

  /** The request that is answered next. */
  get head(): Request | undefined {
    return this.#requests[this.#first];
  }

  add(request: Request): void {
    this.#requests.push(request);
  }

  /** The head was answered. */
  answered(): void {
    this.#first++;
    this.#answeredCount++;
    if (this.openCount === 0 || this.#first > SPENT_MAX) {
      this.#requests = this.#requests.slice(this.#first);
      this.#first = 0;
    }
    this.#release();
  }

  /** Calls `done` when everything that is open now is answered. */
  awaitOpen(done: () => void): void {
    this.#waiters.push({ answers: this.#answeredCount + this.openCount, done });
  }

  /** The same for what is open at the next `begin`. */
  awaitBegin(done: () => void): void {
    this.#waiters.push({ answers: Infinity, done });
  }

  /** The first requests have been made. */
  begin(): void {
    for (const waiter of this.#waiters) waiter.answers = this.#answeredCount + this.openCount;
    this.#release();
  }

  /** Nothing will be answered any more: forgets the requests, and nobody waits any longer. */
  clear(): void {
    const waiters = this.#waiters;
    this.#requests = [];
    this.#first = 0;
    this.#waiters = [];
    for (const { done } of waiters) done();
  }

  /** Goes on with those who wait for no more answers; they are in the order of what they wait for. */
  #release(): void {
    for (let [first] = this.#waiters; isDue(first, this.#answeredCount); [first] = this.#waiters) {
      this.#waiters.shift();
      first.done();
    }
  }
}

function isDue(waiter: Waiter | undefined, answeredCount: number): waiter is Waiter {
  return waiter !== undefined && waiter.answers <= answeredCount;
}
