import {
  chooseOperation,
  comparable,
  emptyValue,
  readOperation,
  valueOf,
  type CellKind,
  type CellValue,
  type Operation,
} from './operation.ts';
import type { SeededRandom } from '@undermoon/testkit';
import { plainReply } from './stock-client.ts';

/** Possible values kept of one cell. More come only out of dozens of lost replies in a row. */
const VALUES_MAX = 256;

/** How often a client may send one command again (both clients: 16), so how often it may take effect. */
const SENDINGS_MAX = 17;

/** An operation under way. */
export interface Attempt {
  readonly operation: Operation;
  readonly issuedAt: number;
}

/** The times of a fault, by `performance.now()`. */
export interface FaultTimes {
  readonly faultAt: number;
  /** From when on writes succeeded again. */
  readonly recoveredAt: number;
  /** Writes acknowledged this long before the fault have reached the replica. */
  readonly replicationLagMs: number;
}

interface Acknowledged {
  readonly value: CellValue;
  readonly issuedAt: number;
  readonly ackedAt: number;
}

/**
 * Some keys of one slot that one worker writes, and what they may hold by the replies so far. While no fault is
 * declared, each reply must be the one that follows from an earlier one. From the fault on, acknowledged writes
 * may be lost and commands may take effect more than once, until `adopt` takes what is read as the new truth.
 */
export class Cell {
  readonly id: string;
  readonly kind: CellKind;
  readonly key: string;
  /** Acknowledged writes that `adopt` found lost, where the kind allows to tell. */
  lostCount = 0;
  #values: readonly CellValue[];
  #tokenCount = 0;
  #isFaulty = false;
  #acknowledged: Acknowledged[] = [];
  /** Of writes during a fault that had no reply, where a value tells which write it is of. */
  #unanswered = new Set<CellValue>();
  #countMax = 0;

  constructor(name: { readonly label: string; readonly id: string }, kind: CellKind, tag: string) {
    this.id = name.id;
    this.kind = kind;
    this.key = `${name.label}:${kind}:${name.id}:{${tag}}`;
    this.#values = [emptyValue(kind)];
  }

  choose(random: SeededRandom): Operation {
    this.#tokenCount += 1;
    const token = `${this.id}.${this.#tokenCount}`;
    const operation = chooseOperation(this.kind, { key: this.key, random, token });
    if (this.kind === 'counter' && operation.isWrite) {
      const { value } = operation.apply(0);
      this.#countMax += SENDINGS_MAX * Number(value);
    }
    return operation;
  }

  read(): Operation {
    return readOperation(this.kind, this.key);
  }

  /** Takes a reply. Returns what is wrong with it, or null. */
  onReply({ operation, issuedAt }: Attempt, reply: unknown, at: number): string | null {
    if (operation.isWrite) this.#remember(operation, reply, { issuedAt, ackedAt: at });
    if (this.#isFaulty) return this.#foreignToken(reply);
    const seen = comparable(reply, operation.shape);
    const effects = this.#values.map((value) => operation.apply(value));
    const matching = effects.filter((effect) => {
      return comparable(effect.reply, operation.shape) === seen;
    });
    if (matching.length > 0) {
      this.#values = distinct(matching.map(({ value }) => value));
      return null;
    }
    const expected = effects.map((effect) => comparable(effect.reply, operation.shape));
    return `${operation.words.join(' ')}: got ${seen}, expected ${expected.join(' or ')}`;
  }

  /**
   * Takes note that there was no reply: the command may have had an effect, and during a fault may still have
   * one. ioredis sends a command whose time is over once more when it leaves its node.
   */
  onNoReply({ operation }: Attempt): void {
    if (this.#isFaulty && this.kind === 'text' && operation.isWrite) {
      this.#unanswered.add(operation.apply(null).value);
    }
    const effects = this.#values.map((value) => operation.apply(value).value);
    this.#values = distinct([...this.#values, ...effects]).slice(-VALUES_MAX);
  }

  beginFault(): void {
    this.#isFaulty = true;
  }

  /** Takes what a read returned after a fault as the value. Returns what no fault can explain, or null. */
  adopt(reply: unknown, times: FaultTimes): string | null {
    const value = valueOf(this.kind, reply);
    const wrong = this.#foreignToken(reply) ?? this.#outOfBounds(value, times);
    this.#values = [value];
    this.#acknowledged = [];
    this.#unanswered.clear();
    this.#isFaulty = false;
    if (this.kind === 'counter') this.#countMax = Number(value ?? 0);
    return wrong;
  }

  /** What acknowledged writes left, for kinds where a later value tells that an earlier one was there. */
  #remember(operation: Operation, reply: unknown, times: Omit<Acknowledged, 'value'>): void {
    if (this.kind === 'text') {
      const { value } = operation.apply(null);
      if (value !== null) this.#acknowledged.push({ value, ...times });
    } else if (this.kind === 'counter') {
      this.#acknowledged.push({ value: Number(plainReply(reply)), ...times });
    }
    if (!this.#isFaulty) this.#acknowledged = this.#acknowledged.slice(-200);
  }

  #outOfBounds(value: CellValue, times: FaultTimes): string | null {
    // It was written late, over whatever was acknowledged meanwhile.
    if (this.#unanswered.has(value)) return null;
    const rank = (item: CellValue): number => this.#rankOf(item);
    const found = rank(value);
    const newest = Math.max(0, ...this.#acknowledged.map((write) => rank(write.value)));
    if (found < newest) {
      this.lostCount += this.#acknowledged.filter((write) => rank(write.value) > found).length;
    }
    const mustRemain = this.#acknowledged.filter(
      ({ issuedAt, ackedAt }) =>
        ackedAt < times.faultAt - times.replicationLagMs || issuedAt > times.recoveredAt,
    );
    const lost = mustRemain.find((write) => rank(write.value) > found);
    if (lost !== undefined) {
      const moment = Math.round(lost.ackedAt - times.faultAt);
      return `${this.key} holds ${JSON.stringify(value)}, but ${JSON.stringify(lost.value)} was acknowledged ${moment} ms after the fault (recovered after ${Math.round(times.recoveredAt - times.faultAt)} ms)`;
    }
    if (this.kind === 'counter' && found > this.#countMax) {
      return `${this.key} holds ${found}, more than was ever added (${this.#countMax})`;
    }
    return null;
  }

  /** The place of a value in the order of writes; 0 where the kind has none. */
  #rankOf(value: CellValue): number {
    if (this.kind === 'counter') return Number(value ?? 0);
    if (this.kind === 'text' && typeof value === 'string') {
      return Number(value.slice(value.indexOf('.') + 1));
    }
    return 0;
  }

  /** A reply that holds what was written to another cell went to the wrong command. */
  #foreignToken(reply: unknown): string | null {
    const text = JSON.stringify(plainReply(reply));
    for (const [token, id] of text.matchAll(/\b(c\d+)\.\d+/g)) {
      if (id !== this.id) return `${this.key}: got ${token}, which was written to another key`;
    }
    return null;
  }
}

function distinct(values: readonly CellValue[]): readonly CellValue[] {
  if (values.length < 2) return values;
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
