import type { Buffer } from 'node:buffer';
import { setClusterInSlices, setReplInSlices } from './admin-metadata.ts';
import type { ControlRequest } from './control-request.ts';
import type { ControlState } from './control-state.ts';
import type { ReplyTaker } from './shared-replies.ts';
import type { SliceRunner } from './slice-runner.ts';

/**
 * Metadata that came over connections, taken one document after another in order of arrival. Each is judged by
 * the epoch gate when it has been read.
 */
export class MetadataQueue {
  /** Bytes of the documents in hand, the one being read included. */
  heldBytes = 0;
  readonly #state: ControlState;
  readonly #runner: SliceRunner;
  #tail: Promise<void> = Promise.resolve();

  constructor(state: ControlState, runner: SliceRunner) {
    this.#state = state;
    this.#runner = runner;
  }

  /** Calls `taker` when the document is in force, or was refused. Its sender need not be there any more. */
  add(request: ControlRequest, taker: ReplyTaker): void {
    this.heldBytes += request.frame.length;
    this.#tail = this.#take(this.#tail, request, taker);
  }

  async #take(before: Promise<void>, request: ControlRequest, taker: ReplyTaker): Promise<void> {
    await before;
    const reply = await this.#install(request);
    this.heldBytes -= request.frame.length;
    taker(reply);
  }

  #install(request: ControlRequest): Promise<Buffer> {
    return request.subcommand === 'SETCLUSTER'
      ? setClusterInSlices(this.#state, request, this.#runner)
      : setReplInSlices(this.#state, request, this.#runner);
  }
}
