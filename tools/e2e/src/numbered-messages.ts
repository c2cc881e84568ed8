import { setTimeout as wait } from 'node:timers/promises';
import { RawClient } from '@undermoon/testkit';
import { until } from './until.ts';

const PAUSE_MS = 5;
/** How long to look for the node that takes messages, and for a message to arrive. */
const PATIENCE_MS = 30_000;

/** Where messages are published, asked again after each failure. */
export type PublishedAt = () => Promise<string>;

/** Publishes 1, 2, 3, … one after the other. None is ever published twice. */
export class NumberedPublisher {
  /** The numbers that a server has taken, in order. */
  readonly acknowledged: number[] = [];
  readonly #words: readonly string[];
  readonly #publishedAt: PublishedAt;
  readonly #work: Promise<void>;
  #client: RawClient | null = null;
  #number = 0;
  #isStopped = false;

  /** `words`: the command before the message. */
  constructor(words: readonly string[], publishedAt: PublishedAt) {
    this.#words = words;
    this.#publishedAt = publishedAt;
    this.#work = this.#run();
  }

  /** Waits until so many more have been acknowledged; returns the last one. */
  async more(count: number): Promise<number> {
    const wanted = this.acknowledged.length + count;
    return until(
      `${this.#words.join(' ')} is acknowledged ${count} times`,
      () => this.acknowledged.length >= wanted && (this.acknowledged.at(-1) ?? null),
      { timeoutMs: PATIENCE_MS },
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
    await this.#client?.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#number += 1;
      if (await this.#publish(String(this.#number))) this.acknowledged.push(this.#number);
      await wait(PAUSE_MS);
    }
  }

  async #publish(message: string): Promise<boolean> {
    try {
      this.#client ??= await RawClient.connect(await this.#publishedAt());
      const reply = await this.#client.command(...this.#words, message);
      if (reply.type === 'integer') return true;
    } catch {
      // Whether it was published is not known.
    }
    await this.#client?.close();
    this.#client = null;
    return false;
  }
}

/** The numbers that one subscriber was given, in the order in which they came. */
export class NumberedInbox {
  readonly name: string;
  readonly numbers: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  readonly note = (message: unknown): void => {
    this.numbers.push(Number(message));
  };

  /** Waits for this number, or for one after it. */
  async heard(number: number): Promise<void> {
    await until(
      `${this.name} hears message ${number} (the last was ${this.numbers.at(-1)})`,
      () => (this.numbers.at(-1) ?? 0) >= number,
      { timeoutMs: PATIENCE_MS },
    );
  }

  /**
   * What is wrong: numbers that came twice or out of order, and stretches of acknowledged ones between the first
   * and the last that came which are missing.
   */
  faults(acknowledged: readonly number[]): { readonly disorders: number; readonly gaps: string[] } {
    const { numbers } = this;
    const disorders = numbers.filter((number, i) => number <= (numbers[i - 1] ?? 0)).length;
    const got = new Set(numbers);
    const [first = 0] = numbers;
    const last = numbers.at(-1) ?? 0;
    const gaps: string[] = [];
    let from = 0;
    let to = 0;
    for (const number of acknowledged.filter((one) => one > first && one <= last)) {
      const isMissing = !got.has(number);
      if (isMissing) {
        from ||= number;
        to = number;
      } else if (from > 0) {
        gaps.push(`${from}-${to}`);
        from = 0;
      }
    }
    return { disorders, gaps };
  }
}
