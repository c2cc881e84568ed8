import type { CommandPiece, Remains } from '../core/lost-commands.ts';

/** Commands that wait for their connection. */
export interface WaitingPiece {
  readonly bytes: Buffer;
  readonly count: number;
  /** When a reply to them was lost first; -1: never. */
  readonly lostAtMs: number;
  /** They may have been executed over an earlier connection. */
  readonly wasSent: boolean;
  /** When they are given up. */
  readonly deadlineMs: number;
}

/** The commands for one server that has no connection now, in order. */
export class WaitingCommands {
  bytes = 0;
  #pieces: WaitingPiece[] = [];
  #first = 0;

  get isEmpty(): boolean {
    return this.#first === this.#pieces.length;
  }

  /** Adds commands that wait for the first time; the bytes are copied. */
  add(bytes: Buffer, count: number, deadlineMs: number): void {
    this.push({ bytes: Buffer.from(bytes), count, lostAtMs: -1, wasSent: false }, deadlineMs);
  }

  push(commands: Omit<WaitingPiece, 'deadlineMs'>, deadlineMs: number): void {
    const { bytes, count, lostAtMs, wasSent } = commands;
    this.#pieces.push({ bytes, count, lostAtMs, wasSent, deadlineMs });
    this.bytes += bytes.length;
  }

  /** Whether the oldest pieces have waited long enough. */
  isLate(nowMs: number): boolean {
    const oldest = this.#pieces[this.#first];
    return oldest !== undefined && oldest.deadlineMs <= nowMs;
  }

  /** Takes these. */
  takeLate(nowMs: number): readonly WaitingPiece[] {
    const start = this.#first;
    while (this.isLate(nowMs)) this.#first++;
    const late = this.#pieces.slice(start, this.#first);
    for (const { bytes } of late) this.bytes -= bytes.length;
    if (this.isEmpty) this.takeAll();
    return late;
  }

  /** Takes all pieces, as what is left of a connection. */
  remains(): Remains {
    const pieces = this.takeAll().map(({ bytes, lostAtMs, wasSent }): CommandPiece => {
      return { bytes, sentBytes: 0, lostAtMs, wasSent };
    });
    return { pieces, answeredCount: 0 };
  }

  takeAll(): readonly WaitingPiece[] {
    const pieces = this.#pieces.slice(this.#first);
    this.#pieces = [];
    this.#first = 0;
    this.bytes = 0;
    return pieces;
  }
}
