import type { CompressionStrategy } from '@undermoon/cluster-meta';
import type { Logger } from '@undermoon/runtime';
import type { Compression, ValueCodec } from '../core/compression.ts';
import { loadZstdCodec } from './zstd-codec.ts';

/** What one event loop needs to compress values: the codec is loaded once, when a cluster first wants it. */
export class LoopCompression {
  /** For the strategy in force; null: values are stored as they come. */
  current: Compression | null = null;
  readonly #logger: Logger;
  readonly #onLoaded: () => void;
  #codec: ValueCodec | null = null;
  #failure: string | null = null;
  #isLoading = false;

  /** `onLoaded`: `current` has changed by itself, commands that wait for the codec can go on. */
  constructor(logger: Logger, onLoaded: () => void) {
    this.#logger = logger;
    this.#onLoaded = onLoaded;
  }

  use(strategy: CompressionStrategy): void {
    if (strategy === (this.current?.strategy ?? 'disabled')) return;
    if (strategy === 'disabled') this.current = null;
    else {
      this.current = { strategy, codec: this.#codec, failure: this.#failure };
      if (this.#codec === null && !this.#isLoading) void this.#load();
    }
  }

  async #load(): Promise<void> {
    this.#isLoading = true;
    try {
      this.#codec = await loadZstdCodec();
      this.#failure = null;
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      this.#logger.error({ reason: this.#failure }, 'values cannot be compressed');
    }
    this.#isLoading = false;
    const { current } = this;
    if (current === null) return;
    this.current = { ...current, codec: this.#codec, failure: this.#failure };
    this.#onLoaded();
  }
}
