import type { RespValue } from '@undermoon/resp';

/** What a reply says about its command. */
export type Verdict =
  /** It is the right one. */
  | 'right'
  /** An error: nothing was executed. */
  | 'never'
  /** An error: it may have been executed. */
  | 'maybe'
  /** It belongs to no such command. */
  | 'wrong';

const NEVER = /^(EXECABORT .* LOADING |CLUSTERDOWN |LOADING |MASTERDOWN )/;
const MAYBE = /(was lost, the command may have been executed|^ERR no reply from .* within \d+ ms)/;

/** Judges a reply to a command whose only right one `isRight` knows. */
export function judge(reply: RespValue, isRight: (reply: RespValue) => boolean): Verdict {
  if (isRight(reply)) return 'right';
  if (reply.type !== 'error') return 'wrong';
  if (NEVER.test(reply.value)) return 'never';
  return MAYBE.test(reply.value) ? 'maybe' : 'wrong';
}

export function isText(reply: RespValue | undefined, text: string): boolean {
  return (
    reply !== undefined &&
    (reply.type === 'bulk' || reply.type === 'simple') &&
    reply.value.toString() === text
  );
}

export function numberOf(reply: RespValue | undefined): number {
  return reply?.type === 'integer' ? Number(reply.value) : Number.NaN;
}

/** A list to which one client appends, each value once. */
export class ListLedger {
  readonly key: string;
  /** Values that were asked for, in order, and what became of them; null: not known. */
  readonly values: Map<string, Verdict | null> = new Map();
  /** The longest length that a reply told. */
  length = 0;

  constructor(key: string) {
    this.key = key;
  }

  /** Whether `length` can be that of the list after one more value, or of a read, at this time. */
  accepts(length: number): boolean {
    if (!(length >= this.length && length <= this.values.size)) return false;
    this.length = length;
    return true;
  }

  /** What is wrong with the list as it is on the server. */
  faults(stored: readonly string[]): string[] {
    const faults: string[] = [];
    const order = [...this.values.keys()];
    const counts = new Map<string, number>();
    for (const value of stored) counts.set(value, (counts.get(value) ?? 0) + 1);
    for (const [value, verdict] of this.values) {
      const count = counts.get(value) ?? 0;
      if (count > 1) faults.push(`${this.key}: ${value} was executed ${count} times`);
      if (verdict === 'right' && count === 0) faults.push(`${this.key}: ${value} is lost`);
      if (verdict === 'never' && count > 0) {
        faults.push(`${this.key}: ${value} was executed, the reply says that it was not`);
      }
    }
    const placeOf = new Map(order.map((value, place) => [value, place]));
    const places = stored.map((value) => placeOf.get(value) ?? -1);
    if (places.includes(-1)) faults.push(`${this.key}: a value that nobody wrote`);
    let newest = -1;
    stored.forEach((value, i) => {
      const place = places[i] ?? -1;
      // What may have been executed may still be on its way when the next command is.
      if (place < newest && this.values.get(value) === 'right') {
        faults.push(`${this.key}: ${value} was executed behind ${order[newest]}`);
      }
      newest = Math.max(newest, place);
    });
    return faults;
  }
}
