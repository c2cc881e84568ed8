import type { Buffer } from 'node:buffer';
import { SeenScripts } from './seen-scripts.ts';

/** Longer texts are not compared with those that were run before. */
const SEEN_BYTES_MAX = 65_536;

/** Servers that scripts are loaded into, as the cache sees them. */
export interface ScriptHost {
  /** Digests of scripts that it has for sure. */
  readonly scripts: Set<string>;
}

export interface ScriptCacheLimits {
  /** Bytes of scripts that are kept. */
  readonly bytesMax: number;
  /** Digests that are remembered as loaded into one server, and as known to nobody. */
  readonly digestsMax: number;
  /** How long a digest counts as known to nobody. */
  readonly missingMs: number;
}

/**
 * The scripts that clients loaded or ran through this proxy, so that they can be loaded into a server that lacks
 * them: it was restarted, or took over, or belongs to another proxy. Scripts that were only run (EVAL) make room
 * first, then the ones used least recently.
 */
export class ScriptCache {
  readonly #limits: ScriptCacheLimits;
  #bytes = 0;
  readonly #run = new Map<string, Buffer>();
  readonly #loaded = new Map<string, Buffer>();
  /** Digests that no proxy knew, and until when they are not asked for again. In the order of these times. */
  readonly #missing = new Map<string, number>();
  readonly #seen = new SeenScripts();

  constructor(limits: ScriptCacheLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#run.size + this.#loaded.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(digest: string): boolean {
    return this.#loaded.has(digest) || this.#run.has(digest);
  }

  /** The script, if it is known here. It is then among those that make room last. */
  bodyOf(digest: string): Buffer | null {
    const body = this.#loaded.get(digest) ?? this.#run.get(digest);
    if (body === undefined) return null;
    this.#drop(digest);
    this.#put(this.#loaded, digest, body);
    return body;
  }

  /** Keeps a script that was loaded, unless it is larger than the whole cache may be. */
  add(digest: string, body: Buffer): void {
    if (this.bodyOf(digest) === null) this.#keep(this.#loaded, digest, body);
  }

  /** The same for a script that was run by its text. */
  addRun(digest: string, body: Buffer): void {
    if (body.length <= SEEN_BYTES_MAX) this.#seen.add(body);
    if (!this.has(digest)) this.#keep(this.#run, digest, body);
  }

  /** Whether the text `bytes[start, end)` was run a short while ago, so that it need not be kept again. */
  wasRun(bytes: Buffer, start: number, end: number): boolean {
    return this.#seen.has(bytes, start, end);
  }

  /** It turned out to be no script. */
  forget(digest: string): void {
    this.#drop(digest);
  }

  clear(): void {
    this.#run.clear();
    this.#loaded.clear();
    this.#missing.clear();
    this.#seen.clear();
    this.#bytes = 0;
  }

  /** The script, if it is known here and not loaded into that server. It is taken for loaded from then on. */
  missingAt(host: ScriptHost, digest: string): Buffer | null {
    if (host.scripts.has(digest)) return null;
    const body = this.bodyOf(digest);
    if (body !== null) this.markLoaded(host, digest);
    return body;
  }

  /** The server has it. */
  markLoaded({ scripts }: ScriptHost, digest: string): void {
    // Whatever is loaded once more does no harm.
    if (scripts.size >= this.#limits.digestsMax) scripts.clear();
    scripts.add(digest);
  }

  /** No proxy knows it. */
  markMissing(digest: string, nowMs: number): void {
    const { digestsMax, missingMs } = this.#limits;
    this.#missing.delete(digest);
    this.#missing.set(digest, nowMs + missingMs);
    for (const [oldest, untilMs] of this.#missing) {
      if (untilMs > nowMs && this.#missing.size <= digestsMax) break;
      this.#missing.delete(oldest);
    }
  }

  /** Whether there is nothing to find out about a script that a command for `host` names. */
  isSettled(host: ScriptHost, digest: string, nowMs: number): boolean {
    if (host.scripts.has(digest) || this.has(digest)) return true;
    return (this.#missing.get(digest) ?? 0) > nowMs;
  }

  #keep(among: Map<string, Buffer>, digest: string, body: Buffer): void {
    const { bytesMax } = this.#limits;
    if (body.length > bytesMax) return;
    this.#missing.delete(digest);
    this.#put(among, digest, body);
    while (this.#bytes > bytesMax) this.#drop(this.#oldest());
  }

  #oldest(): string {
    for (const digest of this.#run.keys()) return digest;
    for (const digest of this.#loaded.keys()) return digest;
    return '';
  }

  #put(among: Map<string, Buffer>, digest: string, body: Buffer): void {
    among.set(digest, body);
    this.#bytes += body.length;
  }

  #drop(digest: string): void {
    const body = this.#loaded.get(digest) ?? this.#run.get(digest);
    if (body === undefined) return;
    this.#bytes -= body.length;
    this.#loaded.delete(digest);
    this.#run.delete(digest);
  }
}
