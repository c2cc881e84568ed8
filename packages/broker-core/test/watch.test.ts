import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { WatchCursor } from '@undermoon/broker-api';
import type { BrokerClient } from '@undermoon/broker-api/client';
import { describe, expect, test } from 'vitest';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';
import { DEMO, EXPANDING_DUMP, address } from './store-fixture.ts';

/** One event of a stream. */
interface StreamedEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

/** Listens to a stream on a socket of its own, so that its backpressure is in the test's hands. */
class Listener {
  readonly socket: Socket;
  head = '';
  #text = '';
  #arrived: (() => void)[] = [];

  constructor(at: string, query = '', headers = '') {
    const [host, port] = at.split(':');
    this.socket = connect({ host: host ?? '', port: Number(port) });
    this.socket.on('error', () => undefined);
    this.socket.write(
      `GET /api/v3/watch${query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n${headers}\r\n`,
    );
    this.socket.on('data', (bytes) => {
      this.#text += bytes.toString();
      if (this.head === '' && this.#text.includes('\r\n\r\n')) {
        this.head = this.#text.slice(0, this.#text.indexOf('\r\n\r\n'));
        this.#text = this.#text.slice(this.head.length + 4);
      }
      for (const wake of this.#arrived.splice(0)) wake();
    });
  }

  async next(): Promise<StreamedEvent> {
    for (;;) {
      // Chunk sizes of HTTP stand on lines of their own and are no lines of the stream.
      const found = /event: (\w+)\nid: (\S+)\ndata: (.*)\n\n/.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        const data = JSON.parse(found[3] ?? '') as Record<string, unknown>;
        return { event: found[1] ?? '', id: found[2] ?? '', data };
      }
      await this.#more();
    }
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#text)) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => void this.#arrived.push(resolve));
  }
}

/** Resolves once another watch holds the only place there is. */
async function untilRefused(client: BrokerClient, since: WatchCursor): Promise<void> {
  await expect(async () => {
    for (;;) await client.watch(since, { waitMs: 1 });
  }).rejects.toMatchObject({ code: 'OVERLOADED', status: 503 });
}

async function withProxies(running: Promise<RunningBroker>, count = 4): Promise<RunningBroker> {
  const started = await running;
  await addProxies(started.client, count);
  return started;
}

describe('a watch that is answered once', () => {
  test('gets a cursor at once, then each change when it is made', async () => {
    const { client } = await withProxies(startBroker());
    const start = await client.watch(null);
    expect(start).toMatchObject({ epoch: 4, isResync: true, clusters: [], proxies: [] });

    const waiting = client.watch(start);
    await client.createCluster(DEMO, 4);
    const created = await waiting;
    expect(created).toMatchObject({
      stream: start.stream,
      epoch: 5,
      isResync: false,
      clusters: ['demo'],
      proxies: ['10.0.0.1:6001', '10.0.0.2:6001'],
      removedClusters: [],
    });

    // Nothing is lost between two calls, and several changes come as one.
    await client.changeClusterConfig(DEMO, [['migration_scan_count', '3']]);
    await client.removeProxy(address('10.0.0.4:6001'));
    expect(await client.watch(created)).toMatchObject({
      epoch: 7,
      clusters: ['demo'],
      proxies: [],
      removedProxies: ['10.0.0.4:6001'],
    });
    await client.deleteCluster(DEMO);
    expect(await client.watch(created)).toMatchObject({ clusters: [], removedClusters: ['demo'] });
  });

  test('ends without changes after its time, and with the connection', async () => {
    const { client, ask } = await withProxies(startBroker());
    const start = await client.watch(null);
    expect(await client.watch(start, { waitMs: 0 })).toMatchObject({ epoch: 4, isResync: false });
    const path = `/api/v3/watch?since=4&wait_ms=1`;
    expect((await ask('GET', path)).json).toMatchObject({ epoch: 4, resync: false });

    const abort = new AbortController();
    const given = client.watch(start, { signal: abort.signal });
    abort.abort();
    await expect(given).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });

  test.each([
    ['another stream', { epoch: 4, stream: 'other' }],
    ['an epoch to come', { epoch: 5, stream: null }],
    ['an epoch before the start of the history', { epoch: 1, stream: null }],
  ])('is told to read everything: %s', async (_, cursor) => {
    const { client } = await withProxies(startBroker({ watchHistoryMax: 2 }));
    expect(await client.watch(cursor as never)).toMatchObject({ epoch: 4, isResync: true });
  });

  test('is told to read everything when too much changed, or a state was put in', async () => {
    const { client, ask } = await withProxies(startBroker({ watchNamesMax: 2 }));
    const start = await client.watch(null);
    const waiting = client.watch(start);
    await client.createCluster(DEMO, 4);
    expect(await waiting).toMatchObject({ epoch: 5, isResync: true });
    await ask('PUT', '/api/v3/metadata', { ...EXPANDING_DUMP, global_epoch: 20 });
    const now = await client.watch({ ...start, epoch: 5 as never });
    expect(now).toMatchObject({ epoch: 20, isResync: true });
    // The same epoch again with another content.
    const blind = client.watch({ epoch: now.epoch, stream: null });
    const sameEpoch = { ...EXPANDING_DUMP, global_epoch: 20, clusters: {}, all_proxies: {} };
    expect((await ask('PUT', '/api/v3/metadata', sameEpoch)).status).toBe(200);
    const reset = await blind;
    expect(reset).toMatchObject({ epoch: 20, isResync: true });
    expect(reset.stream).not.toBe(now.stream);
  });

  test.each(['since=-1', 'since=x', 'wait_ms=-1', 'stream=', `stream=${'x'.repeat(65)}`])(
    'refuses %s',
    async (query) => {
      const { ask } = await startBroker();
      const answer = await ask('GET', `/api/v3/watch?${query}`);
      expect([answer.status, answer.json]).toMatchObject([
        400,
        { error: 'INVALID_QUERY', field: query.slice(0, query.indexOf('=')) },
      ]);
    },
  );
});

describe('a stream of events', () => {
  test('has every change, uncompressed and at once, and goes on from the last event', async () => {
    const { client, broker } = await withProxies(startBroker());
    const listener = new Listener(broker.address);
    const first = await listener.next();
    expect(listener.head).toMatch(/^HTTP\/1\.1 200 /);
    expect(listener.head).toMatch(/content-type: text\/event-stream/i);
    expect(listener.head).not.toMatch(/content-encoding/i);
    expect(first).toMatchObject({ event: 'resync', data: { epoch: 4, resync: true } });
    await client.createCluster(DEMO, 4);
    const change = await listener.next();
    expect(change).toMatchObject({ event: 'change', data: { epoch: 5, clusters: ['demo'] } });
    listener.socket.destroy();

    await client.deleteCluster(DEMO);
    const again = new Listener(broker.address, '', `Last-Event-ID: ${change.id}\r\n`);
    expect(await again.next()).toMatchObject({ data: { epoch: 6, removed_clusters: ['demo'] } });
    const byQuery = new Listener(broker.address, '?since=5');
    expect(await byQuery.next()).toMatchObject({ data: { removed_clusters: ['demo'] } });
    const ended = [once(again.socket, 'end'), once(byQuery.socket, 'end')];
    await broker.close();
    await Promise.all(ended);
  });

  test('shows signs of life', async () => {
    const { broker } = await startBroker({ watchHeartbeatMs: 5 });
    const listener = new Listener(broker.address, '?since=0');
    await expect(listener.until(/\n:\n\n/)).resolves.toBeUndefined();
    listener.socket.destroy();
  });

  test('is cut when it is not read', async () => {
    const { client, ask, broker } = await startBroker({
      watchBufferBytesMax: 100_000,
      watchersMax: 1,
    });
    const listener = new Listener(broker.address);
    const { data } = await listener.next();
    listener.socket.pause();
    let cursor: WatchCursor = { epoch: 0 as never, stream: data['stream'] as string };
    await untilRefused(client, cursor);
    // The buffers of the operating system take some megabytes before the broker's own one fills.
    for (let isListening = true; isListening;) {
      const epoch = cursor.epoch + 1;
      const dump = { ...EXPANDING_DUMP, clusters: {}, all_proxies: manyProxies(epoch) };
      expect((await ask('PUT', '/api/v3/metadata', { ...dump, global_epoch: epoch })).status).toBe(
        200,
      );
      cursor = { ...cursor, epoch: epoch as never };
      isListening = await client.watch(cursor, { waitMs: 1 }).then(
        () => false,
        (error: unknown) => (error as { code: string }).code === 'OVERLOADED',
      );
    }
    listener.socket.resume();
    await once(listener.socket, 'close');
  });
});

/** Proxies with names so long that an event with all of them is large. */
function manyProxies(epoch: number): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: 400 }, (_, n) => {
      const proxyAddress = `e${epoch}-p${n}-${'x'.repeat(200)}:6001`;
      const record = { host: 'a', index: 0, cluster: null, node_addresses: ['a:1', 'a:2'] };
      return [proxyAddress, { ...record, proxy_address: proxyAddress }];
    }),
  );
}
