import {
  encodeSetCluster,
  encodeSetRepl,
  type ProxyMeta,
  setClusterOf,
  setReplOf,
} from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import type { PortKind } from '../core/connection-label.ts';
import { NO_DEDICATED, NO_PUBSUB, type ProxyStats } from '../core/info.ts';
import { ProxyError } from '../errors.ts';
import {
  type ProxyOptions,
  type ProxyServerOptions,
  limitsOf,
  resolveOptions,
} from '../options.ts';
import { version } from '../version.ts';
import { configSourceOf } from './admin-config.ts';
import { LocalDesk } from './admin-desk.ts';
import { createProxyControl, type ProxyControl } from './admin.ts';
import { chooseTransports } from './choose-transports.ts';
import { answerAsk } from './answer-ask.ts';
import { DataLoop } from './data-loop.ts';
import { FunctionCopy } from './function-copy.ts';
import { Gate } from './gate.ts';
import { LoopCounters } from './loop-counters.ts';
import { LoopGroup } from './loop-group.ts';
import { LoopQuestions } from './loop-questions.ts';
import type { LoopThread } from './loop-thread.ts';
import { withRoomForClients } from './open-files.ts';
import { Ports } from './ports.ts';
import { credentialsOf, ServingLoop } from './serving-loop.ts';
import { endThreads, type ExtraLoops, startThreads } from './start-threads.ts';
import type { AcceptedConnection, TransportFactory } from './transport.ts';
import { warmUp, warmUpSwap } from './warm-up.ts';

const DEFAULT_DRAIN_MS = 5000;

/** What runs between `listen` and the end. */
interface Running {
  readonly control: ProxyControl;
  readonly loops: LoopGroup;
  readonly functions: FunctionCopy;
}

/** A running server proxy. */
export interface ProxyServer {
  /** Starts listening. Fails with ProxyError CANNOT_LISTEN or CLOSED. */
  listen(): Promise<void>;
  /** The address listened on; with port 0, the one that was taken. */
  readonly address: string;
  /** The same for clients that see one Redis server; null when there is no such port. */
  readonly plainAddress: string | null;
  /** The same for clients that come to read from copies; null when there is no such port. */
  readonly replicaAddress: string | null;
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
  return new Proxy(withRoomForClients(resolveOptions(options)));
}

class Proxy implements ProxyServer {
  #options: ProxyOptions;
  readonly #ports: Ports;
  #counters = new LoopCounters(1);
  readonly #startedMs: number;
  #connectionsReceived = 0;
  #connectionsRejected = 0;
  #running: Running | null = null;
  #nextSessionId = 1;
  #isStarted = false;
  #isClosed = false;
  #closing: Promise<void> | null = null;
  /** Set by `destroy`: when its threads have ended. */
  #ended: Promise<void> | null = null;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    const onError = (error: Error): void => {
      options.logger.error({ error: error.message }, 'cannot accept connections');
    };
    this.#ports = new Ports(options, (connection, port) => this.#accept(connection, port), onError);
  }

  get address(): string {
    return this.#ports.addresses.address;
  }

  get plainAddress(): string | null {
    return this.#ports.addresses.plainAddress;
  }

  get replicaAddress(): string | null {
    return this.#ports.addresses.replicaAddress;
  }

  get clientCount(): number {
    return this.#running?.loops.clientCount ?? 0;
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
    const { logger, sockets } = this.#options;
    const dataLoop = new DataLoop(this.#options);
    warmUp(dataLoop);
    let extra: ExtraLoops | null = null;
    try {
      dataLoop.transports = await chooseTransports(sockets, dataLoop.arena);
      extra = await this.#startThreads(dataLoop.transports);
      await this.#ports.listen(dataLoop.transports);
    } catch (error) {
      this.#isStarted = false;
      await endThreads(extra?.threads ?? []);
      throw error;
    }
    if (this.#isClosed || this.#closing !== null) {
      this.#ports.close();
      await endThreads(extra.threads);
      throw new ProxyError('CLOSED', 'the proxy was closed while it started');
    }
    this.#run(dataLoop, extra);
    const { kind } = dataLoop.transports;
    const wanted = Object.entries(this.#ports.addresses).filter(([, address]) => address !== null);
    const facts = { ...Object.fromEntries(wanted), sockets: kind };
    logger.info({ ...facts, loops: 1 + extra.threads.length }, 'proxy listening');
  }

  setMetadata(meta: ProxyMeta, options: { force?: boolean } = {}): void {
    const control = this.#running?.control;
    if (this.#isClosed || control === undefined) {
      throw new ProxyError('CLOSED', 'the proxy does not listen');
    }
    install(control, meta, options);
  }

  async close(options: { drainTimeoutMs?: number } = {}): Promise<void> {
    if (this.#isClosed) return this.#ended ?? undefined;
    this.#closing ??= this.#drain(options.drainTimeoutMs ?? DEFAULT_DRAIN_MS);
    await this.#closing;
  }

  destroy(reason?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (reason !== undefined)
      this.#options.logger.warn({ reason: reason.message }, 'proxy destroyed');
    this.#ports.close();
    this.#running?.functions.destroy();
    this.#ended = this.#running?.loops.destroy() ?? null;
    this.#running?.control.destroy();
  }

  #startThreads(transports: TransportFactory): Promise<ExtraLoops> {
    return startThreads(this.#options, transports, {
      onAsk: (thread, ask) => {
        const control = this.#running?.control;
        if (control !== undefined) answerAsk(control, this.#options.limits, thread, ask);
      },
      onQuestion: (thread, ask, question) => this.#running?.loops.onQuestion(thread, ask, question),
      onAnswered: (number, answer) => this.#running?.loops.onAnswered(number, answer),
      onHeld: (thread, generation) => this.#running?.loops.onHeld(thread, generation),
      onDeath: (thread, error) => this.#onDeath(thread, error),
    });
  }

  /** From here on nothing waits until the end. */
  #run(dataLoop: DataLoop, extra: ExtraLoops): void {
    const { threads, counters } = extra;
    const { logger, clock, loopHoldTimeoutMs } = this.#options;
    const { addresses } = this.#ports;
    const control = this.#createControl();
    const questions = new LoopQuestions(threads);
    const own = new ServingLoop({
      options: this.#options,
      addresses,
      loop: dataLoop,
      desk: new LocalDesk(control),
      loops: threads.length === 0 ? null : questions,
      counters: counters.of(0),
      logger,
      gate: new Gate(),
      loopCount: 1 + threads.length,
      loopIndex: 0,
    });
    warmUpSwap(own);
    const loops = new LoopGroup({
      ...extra,
      own,
      requests: dataLoop.requests,
      questions,
      timeoutMs: loopHoldTimeoutMs,
      kind: this.#options.spreadClients,
      clock,
      logger,
    });
    this.#counters = counters;
    for (const thread of threads) thread.order({ kind: 'listening', ...addresses });
    const functions = new FunctionCopy(this.#options, (address) => own.control(address));
    this.#running = { control, loops, functions };
    control.onTableChange((table) => loops.useTable(table));
    control.onTableChange((table) => functions.onTable(table));
    control.start();
    this.#ports.begin();
  }

  /** Its clients are gone, and half a proxy would look like a whole one. */
  #onDeath({ index }: LoopThread, error: Error): void {
    const { logger, onFailure } = this.#options;
    logger.error({ loop: index, error: error.message }, 'an event loop died, the proxy ends');
    this.destroy(error);
    onFailure?.(error);
  }

  #createControl(): ProxyControl {
    const options = this.#options;
    const listening = this.#ports.addresses;
    const announceAddress = options.announceAddress ?? listening.address;
    const announceReplicaAddress = options.announceReplicaAddress ?? listening.replicaAddress;
    return createProxyControl({
      announceAddress,
      announceReplicaAddress,
      config: configSourceOf(
        { ...options, address: listening.address },
        { address: announceAddress, replicaAddress: announceReplicaAddress },
        (question) => this.#running?.loops.tell(question),
        (clientsMax) => {
          this.#options = { ...this.#options, clientsMax };
        },
      ),
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
      dedicated: this.#running?.loops.dedicatedStats() ?? NO_DEDICATED,
      connectionsMax: clientsMax,
      connectionsReceived: this.#connectionsReceived,
      connectionsRejected: this.#connectionsRejected,
      ...this.#counters.stats(),
      pubsub: this.#running?.loops.pubsubStats() ?? NO_PUBSUB,
      limits: limitsOf(this.#options),
      backends: this.#running?.loops.backendStats() ?? [],
      loopClients: this.#running?.loops.clientCounts() ?? [],
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

  #accept(connection: AcceptedConnection, port: PortKind): void {
    this.#connectionsReceived++;
    const isRefused = this.#closing !== null || this.clientCount >= this.#options.clientsMax;
    if (isRefused) this.#connectionsRejected++;
    if (isRefused) this.#running?.loops.turnAway(connection);
    else this.#running?.loops.accept(connection, port, this.#nextSessionId++);
  }

  async #drain(drainTimeoutMs: number): Promise<void> {
    this.#ports.close();
    this.#running?.loops.endClients();
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
    await this.#ended;
  }
}

/** Carries out the commands that a coordinator would send. */
function install(control: ProxyControl, meta: ProxyMeta, options: { force?: boolean }): void {
  const commands = [
    ['UMCTL', 'SETREPL', ...encodeSetRepl(setReplOf(meta, options))],
    ['UMCTL', 'SETCLUSTER', ...encodeSetCluster(setClusterOf(meta, options), { compress: false })],
  ];
  for (const words of commands) {
    const writer = new RespWriter();
    control.execute(
      words.map((word) => Buffer.from(word)),
      { protocol: 2, isPlain: false, isReplicaPort: false, fromServers: [] },
      writer,
    );
    const reply = writer.take().toString().trim();
    if (reply.startsWith('-')) throw new ProxyError('METADATA_REFUSED', reply.slice(1));
  }
}
