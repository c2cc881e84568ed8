import { Buffer } from 'node:buffer';
import type { CommandFrame } from './command-lookup.ts';

/** A command that took long. Plain data with memory of its own, so that it can go to other threads. */
export interface SlowCommand {
  readonly id: number;
  /** Unix time in milliseconds at which the command was dispatched. */
  readonly atMs: number;
  /** From there to the end of its reply. */
  readonly durationUs: number;
  /** From there to the first bytes of its reply; -1: they did not come. */
  readonly firstReplyUs: number;
  /** Cut as Redis does. */
  readonly args: readonly Uint8Array[];
  readonly session: number;
  readonly peer: string;
  readonly name: string;
}

/** What is kept, and of which commands. All of it can be changed at any time. */
export interface SlowLogSettings {
  /** Microseconds; negative: nothing is kept. */
  readonly slowerThanUs: number;
  /** One command in so many is timed; 0 is the same as 1. */
  readonly sampleRate: number;
  readonly entriesMax: number;
}

/** As in Redis. */
const ARGUMENTS_MAX = 32;
const ARGUMENT_BYTES_MAX = 128;

/** The slow commands of one event loop. The oldest goes first. */
export class SlowLog {
  /** The number, in order of the loop's commands from 1, of the next one that is timed; infinite: none. */
  nextAt: number;
  #settings: SlowLogSettings;
  #entries: SlowCommand[] = [];
  /** Numbers are the loop's own: this is the first, and how far they are apart. */
  readonly #numbers: { next: number; readonly step: number };

  constructor(settings: SlowLogSettings, numbers = { next: 0, step: 1 }) {
    this.#settings = settings;
    this.#numbers = { ...numbers };
    this.nextAt = settings.slowerThanUs < 0 ? Number.POSITIVE_INFINITY : 1;
  }

  get settings(): SlowLogSettings {
    return this.#settings;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** From the next command on; `processed` is the number of the last one. */
  change(settings: SlowLogSettings, processed: number): void {
    this.#settings = settings;
    this.nextAt = settings.slowerThanUs < 0 ? Number.POSITIVE_INFINITY : processed + 1;
    this.#drop();
  }

  /** The command `number` is timed. */
  sampled(number: number): void {
    this.nextAt = number + Math.max(1, this.#settings.sampleRate);
  }

  /** Keeps a command that took longer than the threshold. */
  note(command: Omit<SlowCommand, 'id'>): void {
    const { slowerThanUs } = this.#settings;
    if (slowerThanUs < 0 || command.durationUs < slowerThanUs) return;
    this.#entries.push({ ...command, id: this.#numbers.next });
    this.#numbers.next += this.#numbers.step;
    this.#drop();
  }

  /** The newest `count` first. */
  newest(count: number): readonly SlowCommand[] {
    return newestOf(this.#entries, count);
  }

  clear(): void {
    this.#entries = [];
  }

  #drop(): void {
    const over = this.#entries.length - this.#settings.entriesMax;
    if (over > 0) this.#entries.splice(0, over);
  }
}

/** The newest `count` of the commands of several loops, the newest first. */
export function newestOf(commands: readonly SlowCommand[], count: number): readonly SlowCommand[] {
  return commands.toSorted((a, b) => b.atMs - a.atMs || b.id - a.id).slice(0, count);
}

/** The words of a command as the slow log keeps them. */
export function shortened(bytes: Uint8Array, frame: CommandFrame): readonly Uint8Array[] {
  const { argc } = frame;
  const count = argc > ARGUMENTS_MAX ? ARGUMENTS_MAX - 1 : argc;
  const args = Array.from({ length: count }, (_, i) =>
    cut(bytes, frame.argStart[i] ?? 0, frame.argEnd[i] ?? 0),
  );
  if (argc > count) args.push(textBytes(`... (${argc - count} more arguments)`));
  return args;
}

function cut(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const over = end - start - ARGUMENT_BYTES_MAX;
  if (over <= 0) return bytesOf(bytes.subarray(start, end));
  const kept = Buffer.from(bytes.subarray(start, start + ARGUMENT_BYTES_MAX));
  return bytesOf(Buffer.concat([kept, Buffer.from(`... (${over} more bytes)`)]));
}

function textBytes(text: string): Uint8Array {
  return bytesOf(Buffer.from(text));
}

/** A copy with memory of its own: a small Buffer is a part of a larger one. */
function bytesOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

const SHOWN_WORDS = 5;
const SHOWN_BYTES = 100;

/** An entry in the ten lines of undermoon 0.6; `created` in the form of RFC 3339. Stages that do not exist here are 0, as stages not reached there. */
export function slowLines(command: SlowCommand, created: string): readonly string[] {
  const { session, firstReplyUs, durationUs, args } = command;
  const received = Math.max(0, firstReplyUs) * 1000;
  return [
    `session_id: ${session}`,
    `created: ${created}`,
    'sent_to_migration_backend: 0',
    'sent_to_cluster: 0',
    'sent_to_queue: 0',
    'queue_received: 0',
    'sent_to_backend: 0',
    `received_from_backend: ${received}`,
    `wait_done: ${durationUs * 1000}`,
    `command: ${args.slice(0, SHOWN_WORDS).map(shownWord).join(' ')}`,
  ];
}

function shownWord(word: Uint8Array): string {
  const text = Buffer.from(word.subarray(0, SHOWN_BYTES)).toString('latin1');
  return word.length > SHOWN_BYTES ? `${text}(${word.length}bytes)` : text;
}
