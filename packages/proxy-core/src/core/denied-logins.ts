import { Buffer } from 'node:buffer';

/** A login that failed, or several alike. Plain data with memory of its own, so that it can go to other threads. */
export interface DeniedLogin {
  readonly id: number;
  readonly count: number;
  readonly context: 'toplevel' | 'multi';
  /** The command as it was typed. */
  readonly object: string;
  readonly username: Uint8Array;
  /** The line of CLIENT LIST for the client that failed last. */
  readonly client: string;
  /** Unix time in milliseconds, of the first and the last of them. */
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** What is told of one login that failed. */
export type DeniedAttempt = Pick<DeniedLogin, 'context' | 'object' | 'username' | 'client'>;

/** As in Redis. */
const ALIKE_MS_MAX = 60_000;
const LOOKED_AT_MAX = 10;
const USERNAME_BYTES_MAX = 1024;

/** The logins that failed at one event loop, the latest first. The oldest goes first. */
export class DeniedLogins {
  #entriesMax: number;
  #entries: DeniedLogin[] = [];
  /** Numbers are the loop's own: this is the next, and how far they are apart. */
  readonly #numbers: { next: number; readonly step: number };

  constructor(entriesMax: number, numbers = { next: 0, step: 1 }) {
    this.#entriesMax = entriesMax;
    this.#numbers = { ...numbers };
  }

  get entries(): readonly DeniedLogin[] {
    return this.#entries;
  }

  set entriesMax(entriesMax: number) {
    this.#entriesMax = entriesMax;
    this.#drop();
  }

  /** One more failure: as in Redis one like those before counts with them. */
  note(attempt: DeniedAttempt, nowMs: number): void {
    const kept: DeniedLogin = {
      ...attempt,
      username: shortened(attempt.username),
      id: this.#numbers.next,
      count: 1,
      createdMs: nowMs,
      updatedMs: nowMs,
    };
    const at = this.#entries.slice(0, LOOKED_AT_MAX).findIndex((known) => isAlike(known, kept));
    const [known] = at < 0 ? [] : this.#entries.splice(at, 1);
    if (known === undefined) this.#numbers.next += this.#numbers.step;
    this.#entries.unshift(known === undefined ? kept : together(kept, known));
    this.#drop();
  }

  clear(): void {
    this.#entries = [];
  }

  #drop(): void {
    if (this.#entries.length > this.#entriesMax) this.#entries.length = this.#entriesMax;
  }
}

/** The entries of several loops as one list, the latest first; those alike as one. */
export function mergeDenied(lists: readonly (readonly DeniedLogin[])[]): readonly DeniedLogin[] {
  if (lists.length === 1) return lists[0] ?? [];
  const merged: DeniedLogin[] = [];
  for (const entry of lists.flat().toSorted((a, b) => b.updatedMs - a.updatedMs)) {
    const at = merged.findIndex((known) => isAlike(known, entry));
    const known = merged[at];
    if (known === undefined) merged.push(entry);
    else merged[at] = together(known, entry);
  }
  return merged;
}

/** The same fault, not long before or after. */
function isAlike(a: DeniedLogin, b: DeniedLogin): boolean {
  return (
    Math.abs(a.updatedMs - b.updatedMs) <= ALIKE_MS_MAX &&
    a.context === b.context &&
    a.object === b.object &&
    Buffer.compare(a.username, b.username) === 0
  );
}

function together(later: DeniedLogin, earlier: DeniedLogin): DeniedLogin {
  const { id, createdMs } = earlier;
  return { ...later, id, createdMs, count: later.count + earlier.count };
}

/** A copy with memory of its own: a small Buffer is a part of a larger one. */
function shortened(username: Uint8Array): Uint8Array {
  const over = username.length - USERNAME_BYTES_MAX;
  if (over <= 0) return new Uint8Array(username);
  const kept = Buffer.from(username.subarray(0, USERNAME_BYTES_MAX));
  return new Uint8Array(Buffer.concat([kept, Buffer.from(`... (${over} more bytes)`)]));
}
