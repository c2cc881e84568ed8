// Clients that do what no client should, on sockets of their own.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A connection whose bytes are in the test's hands. */
class Peer {
  readonly socket: Socket;
  text = '';
  isClosed = false;
  #waiting: (() => void)[] = [];

  constructor({ broker }: RunningBroker) {
    const [host, port] = broker.address.split(':');
    this.socket = connect({ host: host ?? '', port: Number(port) });
    sockets.push(this.socket);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (bytes) => {
      this.text += bytes.toString('latin1');
      this.#wake();
    });
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed) throw new Error(`closed after ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  async closed(): Promise<string> {
    if (!this.isClosed) await once(this.socket, 'close');
    return this.text;
  }

  /** Sends the text byte by byte, a byte per turn of the timers, until it is cut off. */
  async trickle(text: string): Promise<void> {
    for (let at = 0; !this.isClosed; at++) {
      this.socket.write(text[at % text.length] ?? '');
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const HEAD = 'Host: x\r\n';
const POST = `POST /api/v3/proxies/meta HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\n`;

describe('slow clients', () => {
  test('whose headers trickle in are answered 408 and cut', async () => {
    const running = await startBroker({ requestTimeoutMs: 200, headerBytesMax: 1024 * 1024 });
    const peer = new Peer(running);
    peer.socket.write(`GET /api/v3/epoch HTTP/1.1\r\n${HEAD}`);
    await peer.trickle('x-a: b\r\n');
    expect(peer.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(peer.text).toContain('"error":"REQUEST_TIMEOUT"');
    expect((await running.ask('GET', '/healthz')).status).toBe(200);
  });

  test('whose body trickles in are answered 408 and cut', async () => {
    const running = await startBroker({ requestTimeoutMs: 200 });
    const peer = new Peer(running);
    peer.socket.write(`${POST}Content-Length: 1000000\r\n\r\n`);
    await peer.trickle(' ');
    expect(peer.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(running.broker.state().globalEpoch).toBe(0);
  });

  test('that say nothing at all are cut, also many of them', async () => {
    const running = await startBroker({ requestTimeoutMs: 100 });
    const peers = Array.from({ length: 200 }, () => new Peer(running));
    await Promise.all(peers.map((peer) => peer.closed()));
    expect((await running.ask('GET', '/healthz')).status).toBe(200);
  });
});

describe('limits', () => {
  test('of connections: one too many is closed, and the others are served', async () => {
    const running = await startBroker({ connectionsMax: 2 });
    const request = `GET /healthz HTTP/1.1\r\n${HEAD}\r\n`;
    const kept = [new Peer(running), new Peer(running)];
    for (const peer of kept) {
      peer.socket.write(request);
      await peer.until(() => peer.text.includes('"ok"'));
    }
    const extra = new Peer(running);
    expect(await extra.closed()).toBe('');
    kept[0]?.socket.write(request);
    await kept[0]?.until(() => (kept[0]?.text.split('"ok"').length ?? 0) === 3);
  });

  test('of headers: 431', async () => {
    const running = await startBroker({ headerBytesMax: 2048 });
    const peer = new Peer(running);
    peer.socket.write(`GET /healthz HTTP/1.1\r\n${HEAD}x-a: ${'b'.repeat(4096)}\r\n\r\n`);
    expect(await peer.closed()).toMatch(/^HTTP\/1\.1 431 [\s\S]*"error":"HEADERS_TOO_LARGE"/);
  });

  test('of a body that says nothing of its length', async () => {
    const running = await startBroker({ bodyBytesMax: 100 });
    const peer = new Peer(running);
    peer.socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    for (let n = 0; n < 20; n++) peer.socket.write(`a\r\n${' '.repeat(10)}\r\n`);
    await peer.until(() => peer.text.includes('"BODY_TOO_LARGE"'));
    expect(peer.text).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('requests', () => {
  test('that come in one packet are answered in order', async () => {
    const running = await startBroker();
    await addProxies(running.client, 1);
    const peer = new Peer(running);
    const paths = ['/api/v3/epoch', '/healthz', '/nowhere', '/api/v3/version'];
    peer.socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`).join(''));
    await peer.until(() => peer.text.includes('0.6.2'));
    const answers = peer.text.split(/(?=HTTP\/1\.1 )/).map((text) => text.split('\r\n\r\n')[1]);
    expect(answers).toEqual([
      '1',
      '{"status":"ok"}',
      expect.stringContaining('ROUTE_NOT_FOUND') as string,
      '0.6.2',
    ]);
  });

  test('that come behind a slower one wait for its answer', async () => {
    const running = await startBroker();
    const peer = new Peer(running);
    const set = `PUT /api/v3/epoch/41 HTTP/1.1\r\n${HEAD}\r\n`;
    peer.socket.write(`${set}GET /healthz HTTP/1.1\r\n${HEAD}\r\n`);
    await peer.until(() => peer.text.endsWith('{"status":"ok"}'));
    expect(peer.text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^{]*content-length: 0[^{]*HTTP\/1\.1 200/);
    expect(running.broker.state().globalEpoch).toBe(41);
  });

  test('of HEAD have the headers of GET and no body', async () => {
    const { ask } = await startBroker();
    const head = await ask('HEAD', '/api/v3/epoch');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe('1');
  });

  test.each(['OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND'])('of %s are refused', async (method) => {
    const peer = new Peer(await startBroker());
    peer.socket.write(`${method} /api/v3/epoch HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`);
    expect(await peer.closed()).not.toMatch(/ 200 /);
  });

  test('may have a query that nobody asked for', async () => {
    const { ask } = await startBroker();
    expect((await ask('GET', '/api/v3/epoch?x=1&x=2&y=%zz')).text).toBe('0');
  });

  test.each(['/api/v3/clusters/meta/%ff', '/api/v3/proxies/meta/%', '/%E0%A4%A/x'])(
    'of a path that cannot be decoded are refused: %s',
    async (path) => {
      const peer = new Peer(await startBroker());
      peer.socket.write(`GET ${path} HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`);
      expect(await peer.closed()).toMatch(/^HTTP\/1\.1 400 [\s\S]*"error":"INVALID_REQUEST"/);
    },
  );
});
