import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { clusterToJson, proxyToJson } from '@undermoon/cluster-meta';
import { BrokerModel } from './broker-model.ts';
import { address, clusterName } from './fixtures.ts';

/** What goes wrong with one request. */
export type HttpFault = 'hang' | 'error' | 'garbage' | 'not-json' | 'cut' | null;

/** Speaks the broker's HTTP contract for a model, and misbehaves when told to. */
export class ContractBroker {
  readonly model: BrokerModel;
  readonly requests: string[] = [];
  readonly commits: unknown[] = [];
  /** Whether it has the route for watching; an original broker has not. */
  offersWatch = false;
  /** Whether a report can be taken back; at an original broker it cannot. */
  offersWithdrawal = false;
  /** Names one history of this broker. */
  stream = 'first';
  #watchers: ServerResponse[] = [];
  #onWatcher: () => void = () => undefined;
  commitStatus = 200;
  fault: (method: string, path: string) => HttpFault = () => null;
  readonly #server: Server;

  constructor(model: BrokerModel = new BrokerModel()) {
    this.model = model;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when a request waits for the next change. */
  async untilWatched(): Promise<void> {
    if (this.#watchers.length > 0) return;
    await new Promise<void>((resolve) => (this.#onWatcher = resolve));
  }

  /** Tells who waits what changed. */
  announce(changes: { clusters?: string[]; proxies?: string[]; resync?: boolean }): void {
    for (const response of this.#watchers.splice(0)) this.#answerWatch(response, changes);
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? '';
    const url = new URL(request.url ?? '', 'http://broker');
    const path = decodeURIComponent(url.pathname).replace('/api/v3', '');
    this.requests.push(`${method} ${path}`);
    const body = await buffer(request).catch(() => null);
    // Whoever asked has gone before all of it was here.
    if (body === null) return;
    const fault = this.fault(method, path);
    if (fault === 'hang') return;
    if (fault === 'cut') {
      response.socket?.destroy();
    } else if (fault === 'error') {
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"EXTERNAL"}');
    } else if (fault === 'not-json') {
      response.writeHead(200).end('<html>');
    } else if (fault === 'garbage') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"proxy":7,"names":{}}');
    } else {
      this.#answer({ method, path, query: url.searchParams, body }, response);
    }
  }

  #answerWatch(
    response: ServerResponse,
    changes: { clusters?: string[]; proxies?: string[]; resync?: boolean },
  ): void {
    const none = { clusters: [], removed_clusters: [], proxies: [], removed_proxies: [] };
    const cursor = { stream: this.stream, epoch: this.model.epoch };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...cursor, resync: false, ...none, ...changes }));
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    if (query.get('stream') !== this.stream) {
      this.#answerWatch(response, { resync: true });
      return;
    }
    this.#watchers.push(response);
    this.#onWatcher();
  }

  #answer(
    request: { method: string; path: string; query: URLSearchParams; body: Buffer },
    response: ServerResponse,
  ): void {
    const { model } = this;
    const [first, second, third, fourth] = request.path.slice(1).split('/');
    const page = <T>(items: readonly T[]): readonly T[] => {
      const offset = Number(request.query.get('offset') ?? 0);
      const limit = Number(request.query.get('limit') ?? items.length);
      return items.slice(offset, offset + limit);
    };
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    const zipped = (value: unknown): void => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify(value)));
    };
    const document = (proxy: ReturnType<BrokerModel['document']>): unknown => ({
      proxy: proxy === null ? null : proxyToJson(proxy),
    });
    switch (`${request.method} ${first}/${second ?? ''}`) {
      case 'GET epoch/':
        return json(model.epoch);
      case 'PUT epoch/recovery':
        model.epoch += 1000;
        for (const cluster of model.clusters.values()) cluster.epoch = model.epoch;
        return json({ failed_addresses: [] });
      case 'GET proxies/addresses':
        return json({ addresses: page([...model.registered]) });
      case 'GET proxies/failed':
        return json({ addresses: [...model.failed] });
      case 'GET proxies/meta':
        return zipped(document(model.document(address(third ?? ''))));
      case 'GET clusters/names':
        return json({ names: page([...model.clusters.keys()]) });
      case 'GET clusters/meta': {
        const cluster = model.cluster(clusterName(third ?? ''));
        return zipped({ cluster: cluster === null ? null : clusterToJson(cluster) });
      }
      case 'GET watch/':
        if (this.offersWatch) this.#watch(request.query, response);
        else json({}, 404);
        return;
      case 'GET failures/':
        return json({ addresses: model.failures() });
      case 'PUT clusters/migrations':
        this.commits.push(JSON.parse(request.body.toString()));
        if (this.commitStatus === 200) response.writeHead(200).end();
        else json({ error: 'MIGRATION_TASK_NOT_FOUND' }, this.commitStatus);
        return;
      default:
    }
    if (request.method === 'POST' && first === 'failures') {
      model.report(address(second ?? ''), third ?? '');
      response.writeHead(200).end();
    } else if (request.method === 'DELETE' && first === 'failures' && this.offersWithdrawal) {
      model.withdraw(address(second ?? ''), third ?? '');
      response.writeHead(200).end();
    } else if (request.method === 'POST' && second === 'failover') {
      const outcome = model.failover(address(third ?? ''));
      if ('code' in outcome) json({ error: outcome.code }, 409);
      else json(document(outcome.replacement));
    } else {
      response.writeHead(405).end(`HTTP method not allowed ${fourth ?? ''}`);
    }
  }
}
