import type { Slices } from '@undermoon/cluster-meta';

interface Job {
  /** Does one slice; true when there is none left. */
  readonly step: () => boolean;
}

/**
 * Does long work beside the data path: one slice in a turn of the loop, for all that is to be done together,
 * in turn. Between two slices every socket that is ready is served.
 */
export class SliceRunner {
  #jobs: Job[] = [];
  #immediate: NodeJS.Immediate | null = null;
  #isClosed = false;

  /**
   * The first slice is in a later turn too: in this one a command was received. Does not resolve any more after
   * `close`.
   */
  run<T>(slices: Slices<T>): Promise<T> {
    return new Promise((resolve) => {
      if (this.#isClosed) return;
      const step = (): boolean => {
        const slice = slices.next();
        if (slice.done !== true) return false;
        resolve(slice.value);
        return true;
      };
      this.#jobs.push({ step });
      this.#schedule();
    });
  }

  /** Drops all work that is not finished. Safe to call twice. */
  close(): void {
    this.#isClosed = true;
    this.#jobs = [];
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
  }

  #schedule(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = null;
      const job = this.#jobs.shift();
      if (job !== undefined && !job.step() && !this.#isClosed) this.#jobs.push(job);
      if (this.#jobs.length > 0) this.#schedule();
    });
  }
}
