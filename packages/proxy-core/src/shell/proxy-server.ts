import {
  encodeSetCluster,
  encodeSetRepl,
  type NodeAddress,
  type ProxyMeta,
  setClusterOf,
  setReplOf,
} from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import type { ProxyStats } from '../core/info.ts';
import { ProxyError } from '../errors.ts';
import { type ProxyOptions, type ProxyServerOptions, resolveOptions } from '../options.ts';
import { version } from '../version.ts';
import { configSourceOf } from './admin-config.ts';
import { LocalDesk } from './admin-desk.ts';
import { createProxyControl, type ProxyControl } from './admin.ts';
import { chooseTransports } from './choose-transports.ts';
import { DataLoop } from './data-loop.ts';
import { Listener } from './listener.ts';
import {
  COMMANDS_PROCESSED,
  ERROR_REPLIES,
  LoopCounters,
  NET_INPUT_BYTES,
  NET_OUTPUT_BYTES,
} from './loop-counters.ts';
import { credentialsOf, ServingLoop } from './serving-loop.ts';
import type { AcceptedConnection } from './transport.ts';
import { warmUp } from './warm-up.ts';

const DEFAULT_DRAIN_MS = 5000;
const NO_DEDICATED = { leasedCount: 0, idleCount: 0, blockedCount: 0, refusedCount: 0 };

/** What runs between `listen` and the end. */
interface Running {
  readonly control: ProxyControl;
  readonly loop: ServingLoop;
}

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
   * programs that manage clusters themselves. All of it is done before the call returns, so metadata of
   * thousands of slot ranges stops the data path for some milliseconds, which UMCTL does not. Throws ProxyError METADATA_REFUSED (old epoch, foreign
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
  readonly #listener: Listener;
  readonly #counters = new LoopCounters(1);
  readonly #startedMs: number;
  #connectionsReceived = 0;
  #connectionsRejected = 0;
  #running: Running | null = null;
  #address: NodeAddress;
  #nextSessionId = 1;
  #isStarted = false;
  #isClosed = false;
  #closing: Promise<void> | null = null;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#address = options.address;
    this.#startedMs = options.clock.monotonicMs();
    this.#listener = new Listener(
      (connection) => this.#accept(connection),
      (error) => options.logger.error({ error: error.message }, 'cannot accept connections'),
    );
  }

  get address(): string {
    return this.#address;
  }

  get clientCount(): number {
    return this.#running?.loop.clientCount ?? 0;
  }

  get epoch(): number {
    return this.#running?.control.table.epoch ?? 0;
  }

  async listen(): Promise<void> {
    if (this.#isClosed || this.#closing !== null) {
      throw new ProxyError('CLOSED', 'the proxy was closed');
    }
    if (this.#isStarted) throw new ProxyError('CANNOT_LISTEN', 'listen was called before');
    this.#isStarted = true;
    const dataLoop = new DataLoop(this.#options);
    warmUp(dataLoop.scanner);
    try {
      dataLoop.transports = await chooseTransports(this.#options.sockets, dataLoop.arena);
      this.#address = await this.#listener.listen(this.#options.address, dataLoop.transports);
    } catch (error) {
      this.#isStarted = false;
      throw error;
    }
    if (this.#isClosed || this.#closing !== null) {
      this.#listener.close();
      throw new ProxyError('CLOSED', 'the proxy was closed while it started');
    }
    this.#run(dataLoop);
    const { kind } = dataLoop.transports;
    this.#options.logger.info({ address: this.#address, sockets: kind }, 'proxy listening');
  }

  setMetadata(meta: ProxyMeta, options: { force?: boolean } = {}): void {
    const control = this.#running?.control;
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
    this.#listener.close();
    this.#running?.loop.destroy();
    this.#running?.control.destroy();
  }

  #run(dataLoop: DataLoop): void {
    const control = this.#createControl();
    const loop = new ServingLoop({
      options: this.#options,
      address: this.#address,
      loop: dataLoop,
      desk: new LocalDesk(control),
      counters: this.#counters.of(0),
      logger: this.#options.logger,
    });
    this.#running = { control, loop };
    control.onTableChange((table) => loop.useTable(table));
    control.start();
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
      metadataBytesMax: options.metadataBytesMax,
      resetStats: () => this.#resetStats(),
      replication: {
        checkIntervalMs: options.replicationCheckIntervalMs,
        connectTimeoutMs: options.backendConnectTimeoutMs,
        credentials: credentialsOf(options),
      },
    });
  }

  #stats(): ProxyStats {
    const { clock, clientsMax } = this.#options;
    return {
      uptimeSeconds: Math.floor((clock.monotonicMs() - this.#startedMs) / 1000),
      connectedClients: this.clientCount,
      dedicated: this.#running?.loop.dedicatedStats() ?? NO_DEDICATED,
      dedicatedConnectionsMax: this.#options.dedicatedConnectionsMax,
      connectionsMax: clientsMax,
      connectionsReceived: this.#connectionsReceived,
      connectionsRejected: this.#connectionsRejected,
      commandsProcessed: this.#counters.sum(COMMANDS_PROCESSED),
      errorReplies: this.#counters.sum(ERROR_REPLIES),
      netInputBytes: this.#counters.sum(NET_INPUT_BYTES),
      netOutputBytes: this.#counters.sum(NET_OUTPUT_BYTES),
      backends: this.#running?.loop.backendStats() ?? [],
    };
  }

  #resetStats(): void {
    this.#counters.reset();
    this.#connectionsReceived = 0;
    this.#connectionsRejected = 0;
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

  #accept(connection: AcceptedConnection): void {
    const running = this.#running;
    this.#connectionsReceived++;
    const isRefused = this.#closing !== null || this.clientCount >= this.#options.clientsMax;
    if (isRefused) this.#connectionsRejected++;
    if (isRefused) running?.loop.turnAway(connection);
    else running?.loop.accept(connection, this.#nextSessionId++);
  }

  async #drain(drainTimeoutMs: number): Promise<void> {
    this.#listener.close();
    this.#running?.loop.endClients();
    const deadline = this.#options.clock.monotonicMs() + drainTimeoutMs;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        const isDone = this.clientCount === 0 || this.#options.clock.monotonicMs() >= deadline;
        if (isDone || this.#isClosed) resolve();
        else this.#options.clock.after(10, check);
      };
      check();
    });
    await this.#running?.control.close();
    this.destroy();
  }
}
