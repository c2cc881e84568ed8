import { Buffer } from 'node:buffer';
import { PASS_THROUGH_LIMITS, RequestScanner } from '@undermoon/resp';
import { hasFlag, resolveCommand } from './command-lookup.ts';
import { COMMAND_FLAG } from './command-table.generated.ts';

/** Who waits for replies, as far as it matters for what is sent again. */
export interface LosingSink {
  /** Whose commands these are: their order counts. Null: the sink's own. */
  readonly owner: object | null;
  /** So many commands stand or fall together, and have this sink for themselves. Left out: each by itself. */
  readonly unitSize?: number;
}

/** Whole commands as they were, or are to be, sent in one piece. */
export interface CommandPiece {
  readonly bytes: Buffer;
  /** So many of the bytes may have reached the server. */
  readonly sentBytes: number;
  /** When a reply to them was lost first; -1: never. */
  readonly lostAtMs: number;
  /** They had reached the server before, over an earlier connection. */
  readonly wasSent: boolean;
}

/** The commands of a connection that broke, as far as they are known. */
export interface Remains {
  /** Oldest first. */
  readonly pieces: readonly CommandPiece[];
  /** So many commands of the first pieces are answered; negative: so many before them are not, and not known. */
  readonly answeredCount: number;
}

/** The next `count` replies belong to `sink`. */
export interface OwedRun<Sink> {
  readonly sink: Sink;
  readonly count: number;
}

/** What may be done about lost replies. */
export interface ResendRules {
  readonly nowMs: number;
  /** How long commands wait for a server; 0: nothing is sent again. */
  readonly waitMs: number;
  /** Read-only commands that may have been executed are sent again. */
  readonly canRepeatReads: boolean;
  /** A part of the first reply was passed on. */
  readonly isCut: boolean;
}

/** Commands to be sent again: one, or a transaction with its MULTI and EXEC. */
export interface LostUnit<Sink> {
  readonly sink: Sink;
  readonly bytes: Buffer;
  readonly count: number;
  /** The same in parts, whose replies must not be delivered together. */
  readonly parts: readonly number[];
  readonly lostAtMs: number;
  readonly wasSent: boolean;
}

/** Replies that will not come: the commands were never executed, or may have been. */
export interface FailedRun<Sink> {
  readonly sink: Sink;
  readonly count: number;
  readonly isNever: boolean;
}

/** Both in the order of the commands. Of each owner's commands the failed ones come first. */
export interface SortedOut<Sink> {
  readonly failed: readonly FailedRun<Sink>[];
  readonly again: readonly LostUnit<Sink>[];
}

interface Frame {
  readonly start: number;
  readonly end: number;
  readonly piece: CommandPiece;
  readonly isReadOnly: boolean;
}

type Fate = 'again' | 'never' | 'maybe';

interface Unit<Sink> {
  readonly sink: Sink;
  readonly count: number;
  readonly parts: readonly number[];
  readonly frames: readonly Frame[];
  readonly fate: Fate;
}

/**
 * Decides about the commands of a connection that broke.
 *
 * A command can have been executed if its last byte was handed to the kernel. One that was not is sent again. One
 * that was is sent again if it only reads. But the commands of one owner keep their order: if one of them may have
 * changed something and is not repeated, then neither is a read before it, which could see that change.
 */
export function sortOut<Sink extends LosingSink>(
  runs: readonly OwedRun<Sink>[],
  remains: Remains,
  rules: ResendRules,
): SortedOut<Sink> {
  const units = unitsOf(runs, remains, rules);
  const lastFailed = new Map<object, number>();
  units.forEach(({ sink, fate }, index) => {
    if (fate !== 'again') lastFailed.set(sink.owner ?? sink, index);
  });
  const failed: FailedRun<Sink>[] = [];
  const again: LostUnit<Sink>[] = [];
  units.forEach((unit, index) => {
    const isAfter = index > (lastFailed.get(unit.sink.owner ?? unit.sink) ?? -1);
    if (isAfter) again.push(lostUnit(unit, rules.nowMs));
    else addFailed(failed, unit);
  });
  return { failed, again };
}

function unitsOf<Sink extends LosingSink>(
  runs: readonly OwedRun<Sink>[],
  remains: Remains,
  rules: ResendRules,
): Unit<Sink>[] {
  const reader = new FrameReader(remains);
  const units: Unit<Sink>[] = [];
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i];
    if (run === undefined) break;
    const { sink } = run;
    if (sink.unitSize === undefined) {
      for (let left = run.count; left > 0; left--) units.push(unitOf(sink, [1], reader, rules));
    } else {
      const parts = [run.count];
      for (; runs[i + 1]?.sink === sink; i++) parts.push(runs[i + 1]?.count ?? 0);
      units.push(unitOf(sink, parts, reader, rules));
    }
  }
  const [first] = units;
  if (rules.isCut && first !== undefined) units[0] = { ...first, fate: 'maybe' };
  return units;
}

function unitOf<Sink extends LosingSink>(
  sink: Sink,
  parts: readonly number[],
  reader: FrameReader,
  rules: ResendRules,
): Unit<Sink> {
  const count = parts.reduce((sum, part) => sum + part, 0);
  const frames = reader.take(count);
  const isWhole = frames.length === count && count === (sink.unitSize ?? 1);
  return { sink, count, parts, frames, fate: fateOf(frames.at(-1), isWhole, rules) };
}

/** `last`: the last command of a unit. */
function fateOf(last: Frame | undefined, isWhole: boolean, rules: ResendRules): Fate {
  if (last === undefined) return 'maybe';
  const { piece, end, isReadOnly } = last;
  const isSent = end <= piece.sentBytes;
  if (!isSent && !piece.wasSent) return isWhole && rules.waitMs > 0 ? 'again' : 'never';
  const isInTime = piece.lostAtMs < 0 || rules.nowMs - piece.lostAtMs < rules.waitMs;
  const isRepeated = isReadOnly && (rules.canRepeatReads || !isSent) && isInTime;
  return isRepeated && rules.waitMs > 0 ? 'again' : 'maybe';
}

function lostUnit<Sink>({ sink, frames, count, parts }: Unit<Sink>, nowMs: number): LostUnit<Sink> {
  const bytes = Buffer.concat(
    frames.map(({ piece, start, end }) => piece.bytes.subarray(start, end)),
  );
  const last = frames.at(-1);
  const wasSent = last !== undefined && (last.piece.wasSent || last.end <= last.piece.sentBytes);
  const known = last?.piece.lostAtMs ?? -1;
  return { sink, bytes, count, parts, wasSent, lostAtMs: wasSent && known < 0 ? nowMs : known };
}

function addFailed<Sink>(failed: FailedRun<Sink>[], { sink, count, fate }: Unit<Sink>): void {
  const isNever = fate === 'never';
  const last = failed.at(-1);
  if (last?.sink === sink && last.isNever === isNever) {
    failed[failed.length - 1] = { sink, count: last.count + count, isNever };
  } else failed.push({ sink, count, isNever });
}

/** Cuts pieces into their commands. */
class FrameReader {
  readonly #scanner = new RequestScanner(PASS_THROUGH_LIMITS);
  readonly #pieces: readonly CommandPiece[];
  #index = 0;
  #pos = 0;
  #unknownCount: number;

  constructor({ pieces, answeredCount }: Remains) {
    this.#pieces = pieces;
    this.#unknownCount = Math.max(0, -answeredCount);
    for (let i = 0; i < answeredCount; i++) this.#next();
  }

  /** The next `count` commands; fewer, from the last one on backwards, if not all are known. */
  take(count: number): Frame[] {
    const frames: Frame[] = [];
    for (let i = 0; i < count; i++) {
      if (this.#unknownCount > 0) {
        this.#unknownCount--;
        continue;
      }
      const frame = this.#next();
      if (frame !== null) frames.push(frame);
    }
    return frames;
  }

  #next(): Frame | null {
    const piece = this.#pieces[this.#index];
    if (piece === undefined) return null;
    const { bytes } = piece;
    const start = this.#pos;
    const end = this.#scanner.scan(bytes, start, bytes.length);
    if (end < 0) throw new Error('a command that was sent is none');
    const id = resolveCommand(bytes, this.#scanner);
    this.#pos = end;
    if (end === bytes.length) {
      this.#index++;
      this.#pos = 0;
    }
    return { start, end, piece, isReadOnly: id >= 0 && hasFlag(id, COMMAND_FLAG.READONLY) };
  }
}
