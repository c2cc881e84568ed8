/** Runs one task at a time, in the order of their arrival. Reads that wait at the same time are one read. */
export class TurnQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #waitingRead: Promise<void> | null = null;

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Every caller gets a read that begins after its call. */
  read(task: () => Promise<void>): Promise<void> {
    this.#waitingRead ??= this.run(() => {
      this.#waitingRead = null;
      return task();
    });
    return this.#waitingRead;
  }
}
