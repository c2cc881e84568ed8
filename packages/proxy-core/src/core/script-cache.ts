import type { Buffer } from 'node:buffer';

/** Servers that scripts are loaded into, as the cache sees them. */
export interface ScriptHost {
  /** Digests of the scripts that it has for sure. */
  readonly scripts: Set<string>;
}

/**
 * The scripts that clients loaded through this proxy, so that they can be loaded again into a server that
 * has lost them: it was restarted, or took over. The ones used least recently go first.
 */
export class ScriptCache {
  /** Every server has every script: nothing needs to be looked up. */
  isComplete = true;
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #bodies = new Map<string, Buffer>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#bodies.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(digest: string): boolean {
    return this.#bodies.has(digest);
  }

  /** The script, if it is known here. */
  bodyOf(digest: string): Buffer | null {
    return this.#bodies.get(digest) ?? null;
  }

  /** Keeps a script, unless it is larger than the whole cache may be. */
  add(digest: string, body: Buffer): void {
    if (this.#bodies.has(digest) || body.length > this.#bytesMax) return;
    this.#bodies.set(digest, body);
    this.#bytes += body.length;
    this.isComplete = false;
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#bodies.delete(oldest);
      this.#bytes -= length;
    }
  }

  clear(): void {
    this.#bodies.clear();
    this.#bytes = 0;
    this.isComplete = true;
  }

  /** The script, if it is known here and not loaded into that server. It is taken for loaded from then on. */
  missingAt(host: ScriptHost, digest: string): Buffer | null {
    const body = this.#bodies.get(digest);
    if (body === undefined) return null;
    this.#bodies.delete(digest);
    this.#bodies.set(digest, body);
    if (host.scripts.has(digest)) return null;
    host.scripts.add(digest);
    return body;
  }

  /** Looks anew whether every server has every script. */
  compare(hosts: readonly ScriptHost[]): void {
    this.isComplete = hosts.every(({ scripts }) => {
      for (const digest of this.#bodies.keys()) if (!scripts.has(digest)) return false;
      return true;
    });
  }
}
