import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { portOf } from './free-port.ts';

/** 'up': from the client to the target; 'down': back. */
export type Direction = 'up' | 'down';

export interface FaultRelayOptions {
  readonly target: { readonly port: number; readonly host?: string };
  readonly port?: number;
}

/** Starts a TCP relay on 127.0.0.1 that passes bytes on until it is told to misbehave. */
export async function startFaultRelay(options: FaultRelayOptions): Promise<FaultRelay> {
  const relay = new FaultRelay(options);
  await relay.listen();
  return relay;
}

/** A TCP relay whose connections can be delayed, frozen, truncated and cut. Settings hold for later connections too. */
export class FaultRelay {
  readonly host = '127.0.0.1';
  port = 0;
  /** Connections accepted so far. */
  acceptedCount = 0;
  /** Bytes taken in so far, passed on or held back. */
  readonly receivedBytes: Record<Direction, number> = { up: 0, down: 0 };
  /** Bytes passed on so far. */
  readonly passedBytes: Record<Direction, number> = { up: 0, down: 0 };
  readonly delayMs: Record<Direction, number> = { up: 0, down: 0 };
  readonly isFrozen: Record<Direction, boolean> = { up: false, down: false };
  /** Bytes still to pass before everything is cut; Infinity: no limit. */
  readonly budgetBytes: Record<Direction, number> = { up: Infinity, down: Infinity };
  readonly #options: FaultRelayOptions;
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();
  #isRefusing = false;

  constructor(options: FaultRelayOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connectionCount(): number {
    return this.#pipes.size / 2;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port ?? 0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = portOf(this.#server);
  }

  /** Resets every connection there is, on both sides. New ones are accepted. */
  cut(): void {
    for (const pipe of this.#pipes) pipe.cut();
  }

  /** Resets new connections at once, while `isRefusing`. Those there are go on. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Holds bytes back, keeping connections open and accepting new ones: a peer that is gone without a sign. */
  freeze(directions: readonly Direction[] = ['up', 'down']): void {
    for (const direction of directions) this.isFrozen[direction] = true;
  }

  /** Passes on what was held back, in order, and goes on as before. */
  thaw(): void {
    this.isFrozen.up = false;
    this.isFrozen.down = false;
    for (const pipe of this.#pipes) pipe.flush();
  }

  /** Delivers bytes that arrive from now on `delayMs` later. Order is kept. */
  delay(delayMs: number, directions: readonly Direction[] = ['up', 'down']): void {
    for (const direction of directions) this.delayMs[direction] = delayMs;
  }

  /** Passes `bytes` more bytes in one direction (over all connections), then cuts every connection. */
  truncateAfter(bytes: number, direction: Direction): void {
    this.budgetBytes[direction] = bytes;
  }

  /** Stops listening and resets all connections. Safe to call twice. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** How many of `bytes` may pass; cuts everything when that is not all of them. */
  spend(direction: Direction, bytes: number): number {
    const allowed = Math.min(bytes, this.budgetBytes[direction]);
    this.budgetBytes[direction] -= allowed;
    this.passedBytes[direction] += allowed;
    return allowed;
  }

  #accept(client: Socket): void {
    this.acceptedCount += 1;
    if (this.#isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const { host = '127.0.0.1', port } = this.#options.target;
    // Half-open: the end of one direction is passed on in its order, after the bytes before it.
    const target = connect({ host, port, allowHalfOpen: true });
    client.allowHalfOpen = true;
    const pipes = [new Pipe(this, 'up', client, target), new Pipe(this, 'down', target, client)];
    for (const pipe of pipes) this.#pipes.add(pipe);
    const forget = (): void => {
      if (!client.destroyed || !target.destroyed) return;
      for (const pipe of pipes) this.#pipes.delete(pipe);
    };
    client.on('close', forget);
    target.on('close', forget);
  }
}

interface Held {
  readonly bytes: Buffer | null; // null: the end of the stream
  readonly dueAt: number;
}

/** One direction of one connection: a queue of chunks, each with the time from which it may go. */
class Pipe {
  readonly #relay: FaultRelay;
  readonly #direction: Direction;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #held: Held[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(relay: FaultRelay, direction: Direction, from: Socket, to: Socket) {
    this.#relay = relay;
    this.#direction = direction;
    this.#from = from;
    this.#to = to;
    from.setNoDelay(true);
    from.on('data', (bytes: Buffer) => this.#hold(bytes));
    from.on('end', () => this.#hold(null));
    from.on('error', () => this.cut());
    from.on('close', (hadError) => {
      if (hadError) this.cut();
    });
    to.on('drain', () => this.flush());
  }

  cut(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#held.length = 0;
    for (const socket of [this.#from, this.#to]) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
  }

  /** Passes on all that is due. */
  flush(): void {
    if (this.#relay.isFrozen[this.#direction]) return;
    for (let head = this.#held[0]; head !== undefined; head = this.#held[0]) {
      const waitMs = head.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer ??= setTimeout(() => this.#onTimer(), Math.ceil(waitMs));
        return;
      }
      if (this.#to.writableNeedDrain) return;
      this.#held.shift();
      this.#pass(head.bytes);
    }
    this.#from.resume();
  }

  #onTimer(): void {
    this.#timer = null;
    this.flush();
  }

  #hold(bytes: Buffer | null): void {
    this.#relay.receivedBytes[this.#direction] += bytes?.length ?? 0;
    this.#held.push({ bytes, dueAt: performance.now() + this.#relay.delayMs[this.#direction] });
    // What is held is bounded: the sender then meets a full window, as with a real peer that does not read.
    if (this.#held.length > 1024) this.#from.pause();
    this.flush();
  }

  #pass(bytes: Buffer | null): void {
    if (bytes === null) {
      this.#to.end();
      return;
    }
    const allowed = this.#relay.spend(this.#direction, bytes.length);
    if (allowed === bytes.length) {
      this.#to.write(bytes);
      return;
    }
    // The bytes that may pass must arrive before the reset, which would overtake them.
    this.#to.write(bytes.subarray(0, allowed), () => this.#relay.cut());
  }
}
