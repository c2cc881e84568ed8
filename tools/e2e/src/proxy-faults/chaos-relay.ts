import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { ReplyStream } from '@undermoon/resp';
import type { SeededRandom } from '@undermoon/testkit';

/** How often, in a thousand chunks, a connection is damaged. */
const REPLY_FAULTS_PER_MILLE = 6;
const REQUEST_FAULTS_PER_MILLE = 3;
const DELAY_MS_MAX = 40;
/** Longer than the proxy waits for a reply; a command that blocks has no such limit. */
const STALL_MS = 3000;

// Neither is the beginning of any reply.
const GARBAGE = ['!!garbage\r\n', '$-9\r\n', '*-7\r\n', 'x', '\r\n', ':1x\r\n'];

/**
 * A TCP relay before a Redis server that damages its connections by chance: replies are cut, delayed, held back, or
 * followed by garbage; requests are cut; either side is closed, reset or half closed.
 */
export class ChaosRelay {
  readonly #random: SeededRandom;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  /** What was done, by name. */
  readonly counts: Map<string, number> = new Map();
  port = 0;
  isCalm = false;
  #isRefusing = false;

  constructor(targetPort: number, random: SeededRandom) {
    this.#targetPort = targetPort;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a relay without a port');
    this.port = address.port;
  }

  /** Resets every connection. */
  cutAll(): void {
    for (const link of this.#links) link.reset();
  }

  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** No more damage; connections that are damaged end. */
  calm(): void {
    this.isCalm = true;
    this.#isRefusing = false;
    this.cutAll();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cutAll();
    await closed;
  }

  note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Null: the chunk passes unharmed. */
  faultOf(direction: 'up' | 'down'): string | null {
    if (this.isCalm) return null;
    const perMille = direction === 'up' ? REQUEST_FAULTS_PER_MILLE : REPLY_FAULTS_PER_MILLE;
    if (!this.#random.chance(perMille / 1000)) return null;
    return direction === 'up'
      ? this.#random.pick(['cut', 'reset', 'stall', 'half-close'])
      : this.#random.pick(['cut', 'cut-reset', 'garbage', 'stall', 'half-close', 'delay', 'delay']);
  }

  below(count: number): number {
    return this.#random.int(count);
  }

  garbage(): string {
    return this.#random.pick(GARBAGE);
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: this.#targetPort, allowHalfOpen: true });
    const link = new Link(this, client, server);
    this.#links.add(link);
    link.onEnd = () => this.#links.delete(link);
  }
}

/** One connection through the relay. */
class Link {
  onEnd: () => void = () => undefined;
  readonly #relay: ChaosRelay;
  readonly #client: Socket;
  readonly #server: Socket;
  /** Knows whether the server is within a reply. */
  readonly #replies = new ReplyStream();
  #isStalled = false;
  #later: Promise<void> = Promise.resolve();

  constructor(relay: ChaosRelay, client: Socket, server: Socket) {
    this.#relay = relay;
    this.#client = client;
    this.#server = server;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
      socket.on('close', () => this.reset());
    }
    client.on('data', (bytes: Buffer) => this.#onRequest(bytes));
    server.on('data', (bytes: Buffer) => this.#onReply(bytes));
    client.on('end', () => server.end());
    server.on('end', () => this.#inTurn(0, () => client.end()));
  }

  reset(): void {
    this.#isStalled = true;
    for (const socket of [this.#client, this.#server]) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
    this.onEnd();
  }

  #onRequest(bytes: Buffer): void {
    if (this.#isStalled) return;
    const fault = this.#relay.faultOf('up');
    if (fault === null) {
      this.#server.write(bytes);
      return;
    }
    this.#relay.note(`request ${fault}`);
    if (fault === 'cut') {
      // The server gets a part of the last command, and then the end.
      this.#server.end(bytes.subarray(0, this.#relay.below(bytes.length)));
    } else if (fault === 'reset') this.reset();
    else if (fault === 'half-close') {
      this.#server.write(bytes);
      this.#client.end();
    } else this.#stall();
  }

  #onReply(bytes: Buffer): void {
    if (this.#isStalled) return;
    const wasBetween = !this.#replies.isActive;
    for (let pos = 0; pos < bytes.length;) pos = this.#replies.feed(bytes, pos, bytes.length);
    const fault = this.#relay.faultOf('down');
    // Garbage within a reply would be its data.
    const isPossible = fault !== 'garbage' || wasBetween;
    if (fault === null || !isPossible) {
      this.#pass(bytes, 0);
      return;
    }
    this.#relay.note(`reply ${fault}`);
    if (fault === 'delay') {
      this.#pass(bytes, this.#relay.below(DELAY_MS_MAX));
      return;
    }
    if (fault === 'stall') {
      this.#stall();
      return;
    }
    this.#isStalled = true;
    const part = bytes.subarray(0, this.#relay.below(bytes.length));
    const garbage = this.#relay.garbage();
    // Behind what is delayed.
    this.#inTurn(0, () => {
      if (fault === 'half-close') this.#client.end(bytes);
      else if (fault === 'garbage') this.#client.write(garbage);
      else this.#client.write(part, () => (fault === 'cut' ? this.#client.end() : this.reset()));
    });
  }

  #stall(): void {
    this.#isStalled = true;
    setTimeout(() => this.reset(), STALL_MS).unref();
  }

  #pass(bytes: Buffer, delayMs: number): void {
    this.#inTurn(delayMs, () => this.#client.write(bytes));
  }

  /** In order, whatever the delays. */
  #inTurn(delayMs: number, action: () => void): void {
    const before = this.#later;
    this.#later = (async () => {
      await before;
      if (delayMs > 0) await new Promise<void>((resolve) => setTimeout(resolve, delayMs));
      if (!this.#client.destroyed && this.#client.writable) action();
    })();
  }
}
