import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { ValueDecoder, type RespValue } from '@undermoon/resp';
import { portOf } from './free-port.ts';

/** Words of one request, as bytes. */
export type Request = readonly Buffer[];

/** One exchange on a connection of a scripted peer. */
export interface ScriptStep {
  /**
   * The request that this step awaits: its words (the first without regard to case), or a predicate.
   * Without it the step acts at once.
   */
  readonly expect?: readonly string[] | ((request: Request) => boolean);
  /** Bytes to answer with. A list goes out in one write per element, each in a segment of its own. */
  readonly reply?: string | Uint8Array | readonly (string | Uint8Array)[];
  /**
   * What becomes of the connection: it goes on ('keep', the default), is closed in order ('end'), is reset
   * ('reset'), or stays open while nothing more is read or answered ('hang').
   */
  readonly connection?: 'keep' | 'end' | 'reset' | 'hang';
}

export interface ScriptedPeerOptions {
  /** One script per connection, in the order in which they are accepted. A further connection is a failure. */
  readonly connections: readonly (readonly ScriptStep[])[];
  /** Answers requests that are no part of any script (handshakes, PING); null leaves one to the script. */
  readonly always?: (request: Request) => string | Uint8Array | null;
  readonly port?: number;
}

/** A loopback server that plays a script of requests and canned answers. */
export interface ScriptedPeer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly address: string;
  /** Every request received so far, in order of arrival, as text. */
  readonly requests: readonly (readonly string[])[];
  /** Resolves when all scripts are played to their end; rejects on the first request that is not as expected. */
  readonly done: Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a scripted peer on 127.0.0.1. */
export async function startScriptedPeer(options: ScriptedPeerOptions): Promise<ScriptedPeer> {
  const peer = new Peer(options);
  await peer.listen();
  return peer;
}

class Peer implements ScriptedPeer {
  readonly host = '127.0.0.1';
  readonly requests: string[][] = [];
  readonly done: Promise<void>;
  port = 0;
  readonly #options: ScriptedPeerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #played = 0;
  #resolveDone: () => void = () => undefined;
  #rejectDone: (reason: Error) => void = () => undefined;

  constructor(options: ScriptedPeerOptions) {
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#resolveDone = resolve;
      this.#rejectDone = reject;
    });
    // A test that never looks at `done` must not fail by an unhandled rejection.
    this.done.catch(() => undefined);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port ?? 0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = portOf(this.#server);
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    const index = this.#accepted;
    this.#accepted += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // A peer that goes away is the business of the test's other side.
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    const script = this.#options.connections[index];
    if (script === undefined) {
      this.#fail(socket, `connection ${index + 1} was not expected`);
      return;
    }
    this.#play(socket, script, index).catch((error: unknown) => {
      this.#fail(socket, error instanceof Error ? error.message : String(error));
    });
  }

  async #play(socket: Socket, script: readonly ScriptStep[], index: number): Promise<void> {
    const requests = this.#receive(socket);
    for (const [position, step] of script.entries()) {
      if (step.expect !== undefined) {
        const next = await requests.next();
        const where = `connection ${index + 1}, step ${position + 1}`;
        if (next.done)
          throw new Error(`${where}: the client left before ${describeExpected(step)}`);
        if (!matches(step, next.value)) {
          throw new Error(
            `${where}: got ${describeRequest(next.value)} instead of ${describeExpected(step)}`,
          );
        }
      }
      await send(socket, step.reply ?? []);
      if (step.connection === 'end') socket.end();
      else if (step.connection === 'reset') socket.resetAndDestroy();
      else if (step.connection === 'hang') socket.pause();
      if (step.connection !== undefined && step.connection !== 'keep') {
        this.#finish();
        return;
      }
    }
    this.#finish();
    const further = await requests.next();
    if (!further.done)
      throw new Error(
        `connection ${index + 1}: ${describeRequest(further.value)} after the last step`,
      );
  }

  /** The requests of one connection, without those that `always` answers. */
  async *#receive(socket: Socket): AsyncGenerator<Request, undefined> {
    const decoder = new ValueDecoder();
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      decoder.push(bytes);
      for (let value = decoder.next(); value !== undefined; value = decoder.next()) {
        const request = requestOf(value);
        this.requests.push(request.map((word) => word.toString('latin1')));
        const answer = this.#options.always?.(request) ?? null;
        if (answer === null) yield request;
        else await send(socket, answer);
      }
    }
    return undefined;
  }

  #finish(): void {
    this.#played += 1;
    if (this.#played === this.#options.connections.length) this.#resolveDone();
  }

  #fail(socket: Socket, message: string): void {
    this.#rejectDone(new Error(`scripted peer ${this.address}: ${message}`));
    socket.destroy();
  }
}

function requestOf(value: RespValue): Request {
  if (value.type !== 'array') throw new Error(`a request must be an array, got ${value.type}`);
  return value.items.map((item) => {
    if (item.type !== 'bulk')
      throw new Error(`a word of a request must be a bulk string, got ${item.type}`);
    return item.value;
  });
}

function matches({ expect }: ScriptStep, request: Request): boolean {
  if (expect === undefined) return true;
  if (typeof expect === 'function') return expect(request);
  return (
    expect.length === request.length &&
    expect.every((word, index) => {
      const actual = request[index]?.toString('utf8') ?? '';
      return index === 0 ? actual.toUpperCase() === word.toUpperCase() : actual === word;
    })
  );
}

function describeExpected({ expect }: ScriptStep): string {
  return Array.isArray(expect) ? JSON.stringify(expect) : 'a request that the script accepts';
}

function describeRequest(request: Request): string {
  return JSON.stringify(request.map((word) => word.toString('utf8')));
}

async function send(socket: Socket, reply: NonNullable<ScriptStep['reply']>): Promise<void> {
  const parts = typeof reply === 'string' || reply instanceof Uint8Array ? [reply] : reply;
  for (const part of parts) {
    if (socket.destroyed) return;
    // The callback comes when the kernel has taken the bytes, so that the next part is a write of its own.
    await new Promise<void>((resolve) => socket.write(part, () => resolve()));
  }
}
