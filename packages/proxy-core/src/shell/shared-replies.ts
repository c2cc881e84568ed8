import type { Buffer } from 'node:buffer';
import { SliceMeter, type Slices } from '@undermoon/cluster-meta';
import type { SliceRunner } from './slice-runner.ts';

/** Takes a reply that was asked for. */
export type ReplyTaker = (reply: Buffer) => void;

/** What a reply costs beside its bytes, and bytes that the kernel copies in the time of one item of a slice. */
const TAKER_WEIGHT = 20;
const BYTES_PER_ITEM = 1024;

interface SharedReply {
  /** What the reply is made of. */
  readonly source: object;
  readonly slices: () => Slices<Buffer>;
  readonly takers: ReplyTaker[];
}

/**
 * Makes replies that take more than one slice, one after another, each once for all clients that wait for it,
 * and hands them out in slices too: a thousand clients may ask for a megabyte in the same moment. There are no
 * more takers than clients, since a client waits for its reply.
 */
export class SharedReplies {
  readonly #runner: SliceRunner;
  readonly #waiting = new Map<string, SharedReply>();
  #queue: Promise<void> = Promise.resolve();

  constructor(runner: SliceRunner) {
    this.#runner = runner;
  }

  /**
   * Calls `taker` in a later turn. Whoever asks under the same name for a reply of the same source gets the
   * same bytes.
   */
  ask(name: string, reply: Omit<SharedReply, 'takers'>, taker: ReplyTaker): void {
    const known = this.#waiting.get(name);
    if (known !== undefined && known.source === reply.source) {
      known.takers.push(taker);
      return;
    }
    const created = { ...reply, takers: [taker] };
    this.#waiting.set(name, created);
    this.#queue = this.#make(this.#queue, name, created);
  }

  async #make(before: Promise<void>, name: string, reply: SharedReply): Promise<void> {
    await before;
    const bytes = await this.#runner.run(reply.slices());
    if (this.#waiting.get(name) === reply) this.#waiting.delete(name);
    await this.#runner.run(handOut(bytes, reply.takers, new SliceMeter()));
  }
}

function* handOut(bytes: Buffer, takers: readonly ReplyTaker[], meter: SliceMeter): Slices<void> {
  for (const taker of takers) {
    taker(bytes);
    if (meter.isFullAfter(TAKER_WEIGHT + bytes.length / BYTES_PER_ITEM)) yield;
  }
}
