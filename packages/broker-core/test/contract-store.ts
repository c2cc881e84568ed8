import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** An external store as the original's contract describes it, in memory. */
export class ContractStore {
  readonly name = 'my_storage_name';
  readonly password = 'my_storage_password';
  version: number | null = null;
  store: unknown = null;
  /** What `GET` and `PUT` did, in order. */
  readonly calls: string[] = [];
  /** Decides about the next PUT: `before` is not made, `after` is made, and neither is answered. */
  silentPut: 'before' | 'after' | null = null;
  /** Answers instead of the store, when it returns a status. */
  fault: (method: string) => number | null = () => null;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await buffer(request).catch(() => null);
    // Whoever asked has gone before all of it was here.
    if (bytes === null) return;
    const method = request.method ?? '';
    this.calls.push(method);
    const status = this.fault(method) ?? this.#refusal(request);
    if (status !== null) {
      response.writeHead(status).end();
      return;
    }
    if (method === 'GET') {
      const version = this.version === null ? null : String(this.version);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ version, store: this.store ?? {} }));
      return;
    }
    const silence = this.silentPut;
    this.silentPut = null;
    if (silence === 'before') return;
    const body = JSON.parse(bytes.toString()) as Record<string, unknown>;
    const made = this.#put(body);
    if (silence === null) response.writeHead(made).end();
  }

  #refusal(request: IncomingMessage): number | null {
    const expected = Buffer.from(`${this.name}:${this.password}`).toString('base64');
    if (request.headers.authorization !== `Basic ${expected}`) return 401;
    return request.url === `/api/v1/store/${this.name}` ? null : 404;
  }

  #put({ version = null, store }: Record<string, unknown>): number {
    if (version === null ? this.version !== null : version !== String(this.version)) return 409;
    this.version = (this.version ?? 100) + 1;
    this.store = store;
    return 200;
  }
}
