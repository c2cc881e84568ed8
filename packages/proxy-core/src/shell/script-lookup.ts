import { createHash } from 'node:crypto';
import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import type { CancelTimer } from '@undermoon/runtime';
import { peerAddressesOf } from '../core/routing-table.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { Client, ProxyContext, ScriptFinder } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';

/** Other proxies that are asked for one script at the same time. */
const ASKED_AT_ONCE = 16;
const DIGEST = /^[0-9a-f]{40}$/;

/** Finds scripts that this loop does not know: at the server that needs them, then elsewhere. */
export class ScriptLookup implements ScriptFinder {
  /** By digest. */
  readonly #searches = new Map<string, PeerSearch>();

  isAwaited(client: Client, digests: readonly string[], group: BackendGroup | null): boolean {
    const { context } = client;
    const { scripts, loop, servers } = context;
    const hosts = group === null ? servers : [group];
    const open = digests.filter(
      (digest) =>
        DIGEST.test(digest) && hosts.some((host) => !scripts.isSettled(host, digest, loop.nowMs)),
    );
    if (open.length === 0) return false;
    let left = open.length;
    let isParked = false;
    const done = (): void => {
      left--;
      if (left === 0 && isParked) client.unpark();
    };
    for (const digest of open) {
      if (group === null) this.#search(context, digest, done);
      else this.#probe(client, group, digest, done);
    }
    if (left === 0) return false;
    isParked = true;
    client.park();
    return true;
  }

  /** A server that has the script needs nothing. */
  #probe(client: Client, group: BackendGroup, digest: string, done: () => void): void {
    const command = encodeCommand(['SCRIPT', 'EXISTS', digest]);
    const sink = new ReplyText((text) => {
      const { context } = client;
      const { scripts, loop } = context;
      if (text?.endsWith(':1') === true) scripts.markLoaded(group, digest);
      // Somebody may have found it, or not, in the meantime.
      if (scripts.isSettled(group, digest, loop.nowMs)) done();
      else this.#search(context, digest, done);
    });
    const backend = client.backendOf(group);
    if (!backend.request(sink, 1, false, command, 0, command.length)) {
      // The command in hand will be told.
      client.context.scripts.markMissing(digest, client.context.loop.nowMs);
      done();
    }
  }

  #search(context: ProxyContext, digest: string, done: () => void): void {
    const { scripts, loop, options } = context;
    const running = this.#searches.get(digest);
    if (running !== undefined) {
      running.waiting.push(done);
      return;
    }
    if (this.#searches.size >= options.scriptLookupsMax) {
      scripts.markMissing(digest, loop.nowMs);
      done();
      return;
    }
    const search = new PeerSearch(context, digest, (body) => {
      this.#searches.delete(digest);
      if (body === null) scripts.markMissing(digest, loop.nowMs);
      else scripts.add(digest, body);
      // One that does not fit is as good as unknown.
      if (body !== null && !scripts.has(digest)) scripts.markMissing(digest, loop.nowMs);
      for (const each of search.waiting) each();
    });
    search.waiting.push(done);
    this.#searches.set(digest, search);
    search.start();
  }
}

/** Asks the other loops, then the other proxies, for one script until one has it, all were asked, or the time is over. */
class PeerSearch {
  readonly waiting: (() => void)[] = [];
  readonly #context: ProxyContext;
  readonly #digest: string;
  readonly #command: Buffer;
  readonly #onEnd: (body: Buffer | null) => void;
  #peers: NodeAddress[] = [];
  #asked = 0;
  #isEnded = false;
  #cancelTimeout: CancelTimer = () => undefined;

  constructor(context: ProxyContext, digest: string, onEnd: (body: Buffer | null) => void) {
    this.#context = context;
    this.#digest = digest;
    this.#command = encodeCommand(['UMCTL', 'SCRIPT', 'GET', digest]);
    this.#onEnd = onEnd;
  }

  start(): void {
    const { clock, options, loops, owners } = this.#context;
    this.#peers = [...peerAddressesOf(owners)];
    this.#cancelTimeout = clock.after(options.scriptLookupMs, () => this.#end(null));
    loops.ask({ kind: 'script-body', digest: this.#digest }, ({ body }) => {
      if (body === null) this.#askMore();
      else this.#end(Buffer.from(body));
    });
  }

  #askMore(): void {
    while (!this.#isEnded && this.#asked < ASKED_AT_ONCE) {
      const peer = this.#peers.pop();
      if (peer === undefined) break;
      if (this.#ask(peer)) this.#asked++;
    }
    if (this.#asked === 0) this.#end(null);
  }

  #ask(peer: NodeAddress): boolean {
    const sink = new ReplyText((text) => {
      this.#asked--;
      const body = text === null ? null : this.#bodyIn(text);
      if (body === null) this.#askMore();
      else this.#end(body);
    });
    const connection = this.#context.dedicated.control(peer);
    return connection.request(sink, 1, false, this.#command, 0, this.#command.length);
  }

  /** Nothing is taken for the script but what has its digest. */
  #bodyIn(reply: string): Buffer | null {
    if (!reply.startsWith('$')) return null;
    const start = reply.indexOf('\r\n') + 2;
    const length = Number(reply.slice(1, start));
    const body = Buffer.from(reply.slice(start, start + length), 'latin1');
    return digestOfScript(body) === this.#digest ? body : null;
  }

  #end(body: Buffer | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelTimeout();
    this.#onEnd(body);
    this.#context.loop.output.flush();
  }
}

/** What EVALSHA calls a script. */
export function digestOfScript(body: Buffer): string {
  return createHash('sha1').update(body).digest('hex');
}
