import { metaStoreToJson } from '@undermoon/broker-api';
import { createBrokerClient } from '@undermoon/broker-api/client';
import type { NodeAddress } from '@undermoon/cluster-meta';
import type { CancelTimer, Clock, Logger } from '@undermoon/runtime';
import type { StoreState } from '../core/model.ts';

/** What a replicator works with. */
export interface ReplicatorOptions {
  /** Seconds; 0: never. */
  readonly intervalSeconds: number;
  /** For one push to one broker. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  state(): StoreState;
}

/** Pushes the whole state to standby brokers from time to time. A failed push is logged and left at that. */
export class Replicator {
  replicas: readonly NodeAddress[];
  readonly #options: ReplicatorOptions;
  #cancelTimer: CancelTimer = () => undefined;
  #isStopped = false;

  constructor(replicas: readonly NodeAddress[], options: ReplicatorOptions) {
    this.replicas = replicas;
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped || this.#options.intervalSeconds === 0) return;
    const delayMs = this.#options.intervalSeconds * 1000;
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      void this.#pushAll().then(() => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  async #pushAll(): Promise<void> {
    if (this.replicas.length === 0) return;
    const dump = metaStoreToJson(this.#options.state());
    await Promise.all(this.replicas.map((replica) => this.#push(replica, dump)));
  }

  async #push(replica: NodeAddress, dump: unknown): Promise<void> {
    const client = createBrokerClient({ brokers: [replica], timeoutMs: this.#options.timeoutMs });
    try {
      await client.restoreMetadata(dump);
    } catch (error) {
      this.#options.logger.warn(
        { replica, error },
        'state could not be pushed to a standby broker',
      );
    } finally {
      await client.close();
    }
  }
}
