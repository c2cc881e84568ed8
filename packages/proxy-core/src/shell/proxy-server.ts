import {
  encodeSetCluster,
  encodeSetRepl,
  type NodeAddress,
  type ProxyMeta,
  setClusterOf,
  setReplOf,
} from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { KeyPositions } from '../core/command-keys.ts';
import type { BackendStats, ProxyStats } from '../core/info.ts';
import { REPLY_MAX_CLIENTS } from '../core/replies.ts';
import { EMPTY_TABLE, type RoutingTable } from '../core/routing-table.ts';
import { Session } from '../core/session.ts';
import { ProxyError } from '../errors.ts';
import { type ProxyOptions, type ProxyServerOptions, resolveOptions } from '../options.ts';
import { version } from '../version.ts';
import { configSourceOf } from './admin-config.ts';
import { createProxyControl, type ProxyControl } from './admin.ts';
import type { BackendCredentials } from './backend-greeting.ts';
import { type BackendGroup, BackendPool } from './backend-pool.ts';
import { chooseTransports } from './choose-transports.ts';
import { ClientConnection } from './client-connection.ts';
import { DataLoop } from './data-loop.ts';
import { Listener } from './listener.ts';
import type { Client, Counters, ProxyContext } from './proxy-context.ts';
import type { AcceptedConnection, TransportHandler } from './transport.ts';
import { warmUp } from './warm-up.ts';

const TICK_MS = 100;
const DEFAULT_DRAIN_MS = 5000;
const NO_COUNTS: Counters = {
  connectionsReceived: 0,
  connectionsRejected: 0,
  commandsProcessed: 0,
  errorReplies: 0,
  netInputBytes: 0,
  netOutputBytes: 0,
};

/** Hears nothing of a client that was refused: what it sends is dropped until it is gone. */
const TURNED_AWAY: TransportHandler = {
  onBytes: () => undefined,
  onDrain: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

/** A running server proxy. */
export interface ProxyServer {
  /** Starts listening. Fails with ProxyError CANNOT_LISTEN or CLOSED. */
  listen(): Promise<void>;
  /** The address listened on; with port 0, the one that was taken. */
  readonly address: string;
  /** Clients connected now. */
  readonly clientCount: number;
  /** Epoch of the routing metadata; 0 before any. */
  readonly epoch: number;
  /**
   * Installs metadata as a coordinator does over UMCTL: roles of the Redis servers, then routing. For
   * programs that manage clusters themselves. Throws ProxyError METADATA_REFUSED (old epoch, foreign
   * host) or CLOSED, and then nothing has changed, except that roles may be newer than the routing.
   */
  setMetadata(meta: ProxyMeta, options?: { force?: boolean }): void;
  /**
   * Stops accepting, answers what was received, then closes every connection; what still runs after
   * `drainTimeoutMs` (default 5000) is cut off. Safe to call twice.
   */
  close(options?: { drainTimeoutMs?: number }): Promise<void>;
  /** Closes everything at once. Safe to call twice. */
  destroy(reason?: Error): void;
}

/**
 * A Redis Cluster protocol proxy for the Redis servers beside it. It serves nothing until a coordinator
 * (or the embedding program) sends `UMCTL SETCLUSTER`. Throws ProxyError INVALID_OPTION.
 */
export function createProxyServer(options: ProxyServerOptions = {}): ProxyServer {
  return new Proxy(resolveOptions(options));
}

class Proxy implements ProxyServer {
  readonly #options: ProxyOptions;
  readonly #loop: DataLoop;
  readonly #listener: Listener;
  readonly #pool: BackendPool;
  readonly #counters: Counters = { ...NO_COUNTS };
  readonly #credentials: BackendCredentials | null;
  readonly #clients = new Map<number, Client>();
  readonly #startedMs: number;
  #context: ProxyContext | null = null;
  #address: NodeAddress;
  #timer: NodeJS.Timeout | null = null;
  #nextSessionId = 1;
  #isStarted = false;
  #isClosed = false;
  #closing: Promise<void> | null = null;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#address = options.address;
    this.#loop = new DataLoop(options);
    this.#startedMs = options.clock.monotonicMs();
    const { backendPassword, backendUsername } = options;
    this.#credentials =
      backendPassword === null ? null : { username: backendUsername, password: backendPassword };
    this.#pool = new BackendPool(this.#loop, {
      connectionsPerNode: options.backendConnNum,
      credentials: this.#credentials,
      connectTimeoutMs: options.backendConnectTimeoutMs,
      timeoutMs: options.backendTimeoutMs,
      retryDelayMs: options.backendRetryDelayMs,
      queuedBytesMax: options.backendQueuedBytesMax,
      pendingMax: options.backendPendingMax,
      logger: options.logger,
    });
    this.#listener = new Listener(
      (connection) => this.#accept(connection),
      (error) => options.logger.error({ error: error.message }, 'cannot accept connections'),
    );
  }

  get address(): string {
    return this.#address;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  get epoch(): number {
    return this.#context?.table.epoch ?? 0;
  }

  async listen(): Promise<void> {
    if (this.#isClosed || this.#closing !== null) {
      throw new ProxyError('CLOSED', 'the proxy was closed');
    }
    if (this.#isStarted) throw new ProxyError('CANNOT_LISTEN', 'listen was called before');
    this.#isStarted = true;
    warmUp(this.#loop.scanner);
    try {
      const transports = await chooseTransports(this.#options.sockets);
      this.#loop.transports = transports;
      this.#address = await this.#listener.listen(this.#options.address, transports);
    } catch (error) {
      this.#isStarted = false;
      throw error;
    }
    if (this.#isClosed || this.#closing !== null) {
      this.#listener.close();
      throw new ProxyError('CLOSED', 'the proxy was closed while it started');
    }
    const control = this.#createControl();
    this.#context = {
      options: this.#options,
      address: this.#address,
      loop: this.#loop,
      logger: this.#options.logger,
      clock: this.#options.clock,
      counters: this.#counters,
      clients: this.#clients,
      control,
      keys: new KeyPositions(),
      table: EMPTY_TABLE,
      groups: [],
    };
    control.onTableChange((table) => this.#swapTable(table));
    control.start();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    const { kind } = this.#loop.transports;
    this.#options.logger.info({ address: this.#address, sockets: kind }, 'proxy listening');
  }

  setMetadata(meta: ProxyMeta, options: { force?: boolean } = {}): void {
    const control = this.#context?.control;
    if (this.#isClosed || control === undefined) {
      throw new ProxyError('CLOSED', 'the proxy does not listen');
    }
    const commands = [
      ['UMCTL', 'SETREPL', ...encodeSetRepl(setReplOf(meta, options))],
      [
        'UMCTL',
        'SETCLUSTER',
        ...encodeSetCluster(setClusterOf(meta, options), { compress: false }),
      ],
    ];
    for (const words of commands) {
      const writer = new RespWriter();
      control.execute(
        words.map((word) => Buffer.from(word)),
        { protocol: 2 },
        writer,
      );
      const reply = writer.take().toString().trim();
      if (reply.startsWith('-')) throw new ProxyError('METADATA_REFUSED', reply.slice(1));
    }
  }

  async close(options: { drainTimeoutMs?: number } = {}): Promise<void> {
    if (this.#isClosed) return;
    this.#closing ??= this.#drain(options.drainTimeoutMs ?? DEFAULT_DRAIN_MS);
    await this.#closing;
  }

  destroy(reason?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (reason !== undefined)
      this.#options.logger.warn({ reason: reason.message }, 'proxy destroyed');
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#listener.close();
    for (const client of this.#clients.values()) client.destroy();
    this.#pool.destroy();
    this.#context?.control.destroy();
  }

  #createControl(): ProxyControl {
    const options = this.#options;
    const announceAddress = options.announceAddress ?? this.#address;
    return createProxyControl({
      announceAddress,
      config: configSourceOf({ ...options, address: this.#address }, announceAddress),
      logger: options.logger,
      clock: options.clock,
      version,
      onShutdown: () => this.#onShutdown(),
      stats: () => this.#stats(),
      resetStats: () => Object.assign(this.#counters, NO_COUNTS),
      replication: {
        checkIntervalMs: options.replicationCheckIntervalMs,
        connectTimeoutMs: options.backendConnectTimeoutMs,
        credentials: this.#credentials,
      },
    });
  }

  #stats(): ProxyStats {
    const { clock, clientsMax } = this.#options;
    return {
      ...this.#counters,
      uptimeSeconds: Math.floor((clock.monotonicMs() - this.#startedMs) / 1000),
      connectedClients: this.#clients.size,
      blockedClients: 0,
      connectionsMax: clientsMax,
      backends: this.#pool.groups().map(backendStatsOf),
    };
  }

  #onShutdown(): void {
    const { onShutdown, logger } = this.#options;
    logger.info({}, 'shutdown requested over UMCTL');
    // Not before the reply to the request has left.
    setImmediate(() => {
      if (onShutdown !== null) onShutdown();
      else void this.close();
    });
  }

  #swapTable(table: RoutingTable): void {
    const context = this.#context;
    if (context === null) return;
    const groups = this.#pool.retain(table.localNodes);
    context.table = table;
    context.groups = groups;
  }

  #accept(connection: AcceptedConnection): void {
    const context = this.#context;
    const { transports, nowMs } = this.#loop;
    this.#counters.connectionsReceived++;
    if (
      context === null ||
      this.#closing !== null ||
      this.#clients.size >= this.#options.clientsMax
    ) {
      this.#counters.connectionsRejected++;
      const transport = transports.accepted(connection, TURNED_AWAY);
      transport.write(REPLY_MAX_CLIENTS);
      transport.end();
      return;
    }
    const session = new Session({
      id: this.#nextSessionId++,
      createdMs: nowMs,
      needsPassword: this.#options.password !== null,
    });
    const client = new ClientConnection(context, session);
    this.#clients.set(session.id, client);
    client.attach(transports.accepted(connection, client));
  }

  #tick(): void {
    this.#loop.tick();
    this.#pool.checkDeadlines();
    const { sessionTimeoutMs } = this.#options;
    if (sessionTimeoutMs === 0) return;
    for (const client of this.#clients.values()) {
      const isIdle = client.owed === 0 && this.#loop.nowMs - client.activeMs > sessionTimeoutMs;
      if (isIdle) client.destroy();
    }
  }

  async #drain(drainTimeoutMs: number): Promise<void> {
    this.#listener.close();
    for (const client of this.#clients.values()) client.endAfterReplies();
    const deadline = this.#options.clock.monotonicMs() + drainTimeoutMs;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        const isDone = this.#clients.size === 0 || this.#options.clock.monotonicMs() >= deadline;
        if (isDone || this.#isClosed) resolve();
        else this.#options.clock.after(10, check);
      };
      check();
    });
    await this.#context?.control.close();
    this.destroy();
  }
}

function backendStatsOf(group: BackendGroup): BackendStats {
  const connections = group.connections();
  const states = new Set(connections.map((connection) => connection.state));
  return {
    address: group.address,
    state: states.has('ready') ? 'up' : states.has('connecting') ? 'connecting' : 'idle',
    connectionCount: connections.filter((connection) => connection.state === 'ready').length,
    pendingCount: connections.reduce((sum, connection) => sum + connection.pending, 0),
  };
}
