/**
 * Where a broker keeps its state. Calls come one at a time. The value passed around is the dump of the HTTP
 * API (`GET /api/v3/metadata`) as decoded JSON.
 */
export interface MetaStorage {
  /** Called once, before the broker listens. Returns the last saved dump, or null when there is none. */
  load(): Promise<unknown>;
  /**
   * Keeps a dump. When it resolves, the dump survives a crash; when it fails, the broker answers
   * PERSISTENCE_IO_ERROR and goes on with the state before.
   */
  save(dump: unknown): Promise<void>;
  /** Called once, after the last save. */
  close(): Promise<void>;
}

/** Keeps nothing: the state is lost with the process. */
export function memoryStorage(): MetaStorage {
  return {
    load: () => Promise.resolve(null),
    save: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
