import { openApiDocument, type MetaStore } from '@undermoon/broker-api';
import type { FastifyInstance } from 'fastify';
import type { ApplyContext } from '../core/command.ts';
import { emptyStore, type StoreState } from '../core/model.ts';
import { storeViolations } from '../core/invariants.ts';
import { BrokerError, systemCodeOf } from '../errors.ts';
import { resolveOptions, type BrokerOptions, type ResolvedBrokerOptions } from '../options.ts';
import { AuditLog } from './audit-log.ts';
import { DocumentCache } from './document-cache.ts';
import { JsonDocument } from './document.ts';
import { createHttpServer } from './http-server.ts';
import { Forwarding } from './forwarding.ts';
import { BrokerMetrics } from './metrics.ts';
import type { Mutation } from './mutation.ts';
import { isShared, type MetaStorage } from './persistence/meta-storage.ts';
import { Replicator } from './replicator.ts';
import { ScaleJobs } from './scale-jobs.ts';
import { StoreRunner } from './store-runner.ts';
import { WatchHub } from './watch-hub.ts';

/** A metadata broker: the store and its HTTP server. */
export interface Broker {
  /** `host:port`; after `listen` with the actual port. */
  readonly address: string;
  /**
   * Loads the stored state and starts to serve. Fails with STORE_DAMAGED, STORE_LOCKED, STORE_UNREADABLE or
   * LISTEN_FAILED; nothing is left open then. Can be called once.
   */
  listen(): Promise<void>;
  /**
   * Says so on `/readyz`, after `shutdownDelayMs` stops to accept, finishes what runs, and closes the storage. After
   * `drainTimeoutMs` in all (default 10,000) connections are cut. Safe to call twice.
   */
  close(options?: { readonly drainTimeoutMs?: number }): Promise<void>;
  /** Cuts all connections and fails what waits; resolves when the storage is closed. Safe to call twice. */
  destroy(reason?: Error): Promise<void>;
  /** The present state. It is immutable: a change makes a new one. Fails with NOT_RUNNING before `listen`. */
  state(): MetaStore;
}

/** Creates a broker. Opens nothing before `listen`. Throws INVALID_OPTION naming the option at fault. */
export function createBroker(options: BrokerOptions = {}): Broker {
  return new HttpBroker(resolveOptions(options));
}

interface Running {
  readonly app: FastifyInstance;
  readonly runner: StoreRunner;
  readonly replicator: Replicator;
  readonly metrics: BrokerMetrics;
  readonly audit: AuditLog;
  readonly forwarding: Forwarding | null;
}

const DRAIN_TIMEOUT_MS = 10_000;

class HttpBroker implements Broker {
  readonly #options: ResolvedBrokerOptions;
  #isStarted = false;
  #running: Running | null = null;
  #stopping: Promise<void> | null = null;
  #isDestroyed = false;
  #endDelay: () => void = () => undefined;
  #port: number;

  constructor(options: ResolvedBrokerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get address(): string {
    const { host } = this.#options;
    return `${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  state(): MetaStore {
    if (this.#running === null) throw new BrokerError('NOT_RUNNING', 'the broker does not run');
    return this.#running.runner.state;
  }

  async listen(): Promise<void> {
    if (this.#isStarted) throw new BrokerError('NOT_RUNNING', 'a broker can be started once');
    this.#isStarted = true;
    const { storage, logger, host, port } = this.#options;
    const running = await this.#build();
    try {
      await running.app.listen({ host, port });
    } catch (cause) {
      await stop(running, storage);
      const message = `${this.address}: cannot be listened on: ${systemCodeOf(cause)}`;
      throw new BrokerError('LISTEN_FAILED', message, { cause });
    }
    if (this.#stopping !== null) {
      await stop(running, storage);
      throw new BrokerError('NOT_RUNNING', 'the broker was stopped while it started');
    }
    const address = running.app.server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#running = running;
    running.replicator.start();
    running.metrics.start();
    const advertised = this.#options.advertiseAddress ?? this.address;
    if (isShared(storage)) storage.announce(`http://${advertised}`);
    logger.info({ address: this.address, epoch: running.runner.state.globalEpoch }, 'broker ready');
  }

  close(options: { readonly drainTimeoutMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#close(options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
    return this.#stopping;
  }

  async destroy(reason: Error = new Error('the broker was destroyed')): Promise<void> {
    this.#isDestroyed = true;
    this.#endDelay();
    this.#running?.app.server.closeAllConnections();
    await this.#running?.runner.abort(reason);
    // A close under way ends at once now: nothing is left to wait for.
    await this.close({ drainTimeoutMs: 0 });
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    const running = this.#running;
    this.#isStarted = true;
    if (running === null) {
      // Gives up a start that waits for the storage.
      if (isShared(this.#options.storage)) await this.#options.storage.close();
      return;
    }
    const { app } = running;
    const cancelCut = this.#options.clock.after(drainTimeoutMs, () => {
      app.server.closeAllConnections();
    });
    await this.#lastRequests(Math.min(this.#options.shutdownDelayMs, drainTimeoutMs));
    await stop(running, this.#options.storage);
    cancelCut();
  }

  // Whoever asks `/readyz` learns meanwhile that it is to send no more.
  async #lastRequests(delayMs: number): Promise<void> {
    if (delayMs === 0 || this.#isDestroyed) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#endDelay = () => {
        cancel();
        resolve();
      };
    });
  }

  async #load(): Promise<StoreState> {
    const { storage, enableOrderedProxy, logger } = this.#options;
    const state = await storage.load();
    if (state === null) return emptyStore(enableOrderedProxy);
    const [violation] = storeViolations(state);
    if (violation !== undefined) {
      await storage.close();
      throw new BrokerError('STORE_DAMAGED', `the stored state contradicts itself: ${violation}`);
    }
    if (state.enableOrderedProxy !== enableOrderedProxy) {
      const stored = state.enableOrderedProxy;
      logger.warn({ stored }, 'enableOrderedProxy of the stored state is used, not the option');
    }
    return state;
  }

  async #build(): Promise<Running> {
    const options = this.#options;
    const { storage, clock, auditEntriesMax, auditFile } = options;
    const initial = await this.#load();
    const audit = new AuditLog({ clock, entriesMax: auditEntriesMax, file: auditFile });
    try {
      await audit.open();
    } catch (error) {
      await storage.close();
      throw error;
    }
    return this.#wire(initial, audit);
  }

  #wire(initial: StoreState, audit: AuditLog): Running {
    const options = this.#options;
    const { storage, logger, clock, queueLengthMax } = options;
    const applyContext = (): ApplyContext => applyContextOf(options);
    const hub = new WatchHub(initial, {
      historyMax: options.watchHistoryMax,
      namesMax: options.watchNamesMax,
      watchersMax: options.watchersMax,
      clock,
    });
    const metrics = new BrokerMetrics({
      state: () => runner.state,
      queueLength: () => runner.queueLength,
      watcherCount: () => hub.watcherCount,
      connectionCount: () => connectionCountOf(app),
      isWriter: () => runner.isWriter,
    });
    const onMutation = (mutation: Mutation): void => {
      metrics.observeMutation(mutation);
      audit.add(mutation);
    };
    const runner: StoreRunner = new StoreRunner({
      initial,
      storage,
      logger,
      queueLengthMax,
      context: applyContext,
      onKept: (before, after) => hub.publish(before, after),
      aroundSave: (save) => metrics.timeSave(save),
      onMutation,
    });
    const replicator = new Replicator(options.replicaAddresses, {
      // Brokers that share their storage have nothing to push to each other.
      intervalSeconds: isShared(storage) ? 0 : options.syncMetaInterval,
      timeoutMs: options.syncMetaTimeoutMs,
      clock,
      logger,
      state: () => runner.state,
    });
    const cache = new DocumentCache(options.migrationLimit, options.cacheBytesMax);
    const scaleJobs = new ScaleJobs({
      runner,
      clock,
      fetchEpoch: options.fetchEpoch,
      syncTimeoutMs: options.scaleSyncTimeoutMs,
    });
    const api = openApiDocument();
    const apiDocument = new JsonDocument(api);
    const context = {
      options,
      runner,
      cache,
      replicator,
      scaleJobs,
      metrics,
      audit,
      apiDocument,
      applyContext,
      onMutation,
      isStopping: () => this.#stopping !== null,
    };
    const app: FastifyInstance = createHttpServer({ ...context, origin: null }, { hub, api });
    app.addHook('preClose', async () => scaleJobs.stop());
    this.#closeConnectionsWhenClosing(app);
    return { app, runner, replicator, metrics, audit, forwarding: this.#forward(app) };
  }

  #forward(app: FastifyInstance): Forwarding | null {
    const { storage, dumpBytesMax, ...options } = this.#options;
    if (!isShared(storage)) return null;
    const forwarding = new Forwarding({ ...options, storage, responseBytesMax: dumpBytesMax });
    forwarding.install(app);
    return forwarding;
  }

  // A client that reuses its connection would otherwise keep it, and the broker, open.
  #closeConnectionsWhenClosing(app: FastifyInstance): void {
    app.addHook('onSend', async (_request, reply) => {
      if (this.#stopping !== null) reply.header('connection', 'close');
    });
  }
}

function applyContextOf(options: ResolvedBrokerOptions): ApplyContext {
  return {
    nowSeconds: Math.floor(options.clock.now() / 1000),
    failureTtlSeconds: options.failureTtl,
    failureQuorum: options.failureQuorum,
    defaultClusterConfig: options.clusterConfig,
    migrationLimit: options.migrationLimit,
    hostMigrationLimit: options.hostMigrationLimit,
  };
}

async function stop(running: Running, storage: MetaStorage): Promise<void> {
  const { app, runner, replicator, metrics, audit, forwarding } = running;
  replicator.stop();
  await app.close();
  await runner.drain();
  metrics.stop();
  await forwarding?.close();
  await audit.close();
  await storage.close();
}

function connectionCountOf(app: FastifyInstance): Promise<number> {
  return new Promise((resolve) => {
    app.server.getConnections((_error, count) => resolve(count));
  });
}
