import type { NodeAddress } from '@undermoon/cluster-meta';
import { RequestScanner } from '@undermoon/resp';
import type { Logger } from '@undermoon/runtime';
import type { PortKind } from '../core/connection-label.ts';
import { KeyPositions } from '../core/command-keys.ts';
import { DeniedLogins } from '../core/denied-logins.ts';
import type { SlotMarks } from '../core/held-slots.ts';
import type { BackendStats, DedicatedStats, PubsubStats } from '../core/info.ts';
import type { PortAddresses } from '../core/port-addresses.ts';
import { EMPTY_TABLE, type RoutingTable } from '../core/routing-table.ts';
import { ScriptCache } from '../core/script-cache.ts';
import { Session } from '../core/session.ts';
import { SlowLog } from '../core/slow-log.ts';
import type { ProxyOptions } from '../options.ts';
import type { BackendConnection, BackendEndpoint } from './backend-connection.ts';
import type { BackendCredentials } from './backend-greeting.ts';
import { BackendPool } from './backend-pool.ts';
import { backendStatsOf } from './backend-stats.ts';
import { ClientConnection } from './client-connection.ts';
import { type DataLoop, TICK_MS } from './data-loop.ts';
import type { Gate } from './gate.ts';
import { CommandMonitor } from './command-monitor.ts';
import type { Departure } from './departure.ts';
import { DedicatedPool } from './dedicated-pool.ts';
import { PubsubHub, pubsubOptionsOf } from './pubsub-hub.ts';
import { LearnedCommands } from './learned-commands.ts';
import { LoopClients } from './client-directory.ts';
import { HeldClients } from './held-clients.ts';
import { LoopAnswerer } from './loop-answerer.ts';
import { LoopCompression } from './loop-compression.ts';
import { CLIENTS_ACTIVE, CLIENTS_CLOSED, CLIENTS_OVER_OUTPUT } from './loop-counters.ts';
import { PortContexts } from './port-contexts.ts';
import { LoadWatch } from './load-watch.ts';
import type {
  AdminDesk,
  AllLoops,
  Client,
  OutputReader,
  ProxyContext,
  Spread,
} from './proxy-context.ts';
import { ScriptLookup } from './script-lookup.ts';
import { TrackingClients } from './tracking-clients.ts';
import { SliceRunner } from './slice-runner.ts';
import { REDIRECT_COMMAND } from './redirect-request.ts';
import { Redirects } from './redirects.ts';
import type { AcceptedConnection } from './transport.ts';
import { TurnedAway } from './turned-away.ts';

/** What a loop is made of. */
export interface ServingLoopParts {
  readonly options: ProxyOptions;
  /** Where the proxy listens. */
  readonly addresses: PortAddresses;
  readonly loop: DataLoop;
  readonly desk: AdminDesk;
  /** Null: this is the only loop. */
  readonly loops: AllLoops | null;
  /** See `loop-counters.ts`. */
  readonly counters: Float64Array;
  readonly logger: Logger;
  readonly gate: Gate;
  /** How many loops the proxy has: they share the connections to a Redis server out among them. */
  readonly loopCount: number;
  /** From 0. */
  readonly loopIndex: number;
}

/**
 * One event loop's part of a proxy: its clients, its connections to the Redis servers, and the routing
 * table they are served by.
 */
export class ServingLoop {
  /** What this loop says when all loops are asked. */
  readonly answers: AllLoops;
  readonly #options: ProxyOptions;
  readonly #pool: BackendPool;
  readonly #dedicated: DedicatedPool;
  readonly #pubsub: PubsubHub;
  readonly #load: LoadWatch;
  readonly #contexts: PortContexts;
  readonly #clients: LoopClients;
  readonly #compression: LoopCompression;
  readonly #waiting: HeldClients;
  readonly #turnedAway = new TurnedAway();
  readonly #timer: NodeJS.Timeout;
  #acceptedCount = 0;

  constructor(parts: ServingLoopParts) {
    const { options, loop } = parts;
    this.#options = options;
    const { outputSoftBytes, outputSoftMs } = options;
    this.#clients = new LoopClients({
      sessionTimeoutMs: options.sessionTimeoutMs,
      outputSoftBytes,
      outputSoftMs,
      onSlow: (client) => this.#closeSlow(client),
    });
    const replyTimeout = { ms: options.backendTimeoutMs };
    const backend = {
      endpointOf: (address: NodeAddress) =>
        this.#contexts.peers.has(address) ? peerEndpointOf(options) : serverEndpointOf(options),
      connectTimeoutMs: options.backendConnectTimeoutMs,
      replyTimeout,
      retryDelayMs: options.backendRetryDelayMs,
      waitMs: options.backendWaitMs,
      resendBytesMax: options.backendResendBytesMax,
      queuedBytesMax: options.backendQueuedBytesMax,
      readerWaitMs: options.outputWaitMs,
      pendingMax: options.backendPendingMax,
      counters: parts.counters,
      logger: parts.logger,
    };
    const lanes = {
      usual: shareOf(options.backendConnNum, parts.loopCount),
      large: shareOf(options.backendConnNumLarge, parts.loopCount),
    };
    const connectionsPerNode = Math.max(lanes.usual, lanes.large);
    this.#pool = new BackendPool(loop, { ...backend, connectionsPerNode });
    this.#load = new LoadWatch(parts.counters, loop.requests, {
      lanes,
      mayModerate: options.moderation,
    });
    this.#dedicated = new DedicatedPool(loop, {
      ...backend,
      connectionsMax: shareOf(options.dedicatedConnectionsMax, parts.loopCount),
      idleMs: options.dedicatedIdleMs,
    });
    this.#pubsub = new PubsubHub(loop, { ...backend, ...pubsubOptionsOf(options) }, parts.counters);
    this.answers = new LoopAnswerer(this.#clients, () => this.#contexts.plain);
    this.#compression = new LoopCompression(parts.logger, () => this.#useCodec());
    this.#waiting = new HeldClients(
      (held) => this.#contexts.routeBy(held),
      () => loop.output.flush(),
    );
    const cluster = contextOf(parts, {
      park: (client) => this.#waiting.park(client),
      forget: (client) => this.#forget(client),
      dedicated: this.#dedicated,
      pubsub: this.#pubsub,
      directory: this.#clients,
      loops: parts.loops ?? this.answers,
      laneCount: lanes.usual,
      replyTimeout,
    });
    const hasPlainClients = options.plainAddress !== null || options.activeRedirection;
    this.#contexts = new PortContexts(cluster, hasPlainClients);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Where the proxy listens, when that is known. */
  listensAt(addresses: PortAddresses): void {
    this.#contexts.addresses = addresses;
  }

  get clientCount(): number {
    return this.#clients.count;
  }

  clients(): Iterable<Client> {
    return this.#clients.all();
  }

  /** Clients may go to other loops. */
  spreadBy(spread: Spread): void {
    this.#contexts.spreadBy(spread);
  }

  /** Serves a connection. `id` is the proxy's for this client. */
  accept(connection: AcceptedConnection, port: PortKind, id: number): void {
    const session = this.#sessionOf(id, port, 0);
    this.#contexts.cluster.loop.requests.expect();
    this.#serve(this.#contexts.of(session), connection, session);
  }

  /** Serves a client that another loop has served before. */
  adopt(connection: AcceptedConnection, from: Omit<Departure, 'connection'>): void {
    const session = this.#sessionOf(from.id, from.port, from.ageMs);
    session.restore(from.session);
    this.#serve(this.#contexts.of(session), connection, session).takeOver(Buffer.from(from.input));
  }

  /** Tells a client that there are too many, and closes. */
  turnAway(connection: AcceptedConnection): void {
    this.#turnedAway.add(connection, this.#contexts.cluster.loop.transports);
  }

  /** Routes by another table from the next command on. */
  useTable(table: RoutingTable): void {
    const { clock, loop } = this.#contexts.cluster;
    const startMs = clock.monotonicMs();
    const retain = (addresses: readonly NodeAddress[]) => this.#pool.retain(addresses);
    this.#dedicated.retain(this.#contexts.useTable(table, retain));
    this.#compression.use(table.config.compressionStrategy);
    this.#contexts.compression = this.#compression.current;
    this.#waiting.route();
    this.#contexts.plain.tracking.onTableChange();
    this.#pool.rerouteWaiting();
    this.#contexts.plain.redirects.wake();
    this.#pubsub.useTable(table, this.#contexts.plain.table, this.#contexts.plain.groups);
    loop.latency.noteSince('table-swap', startMs);
  }

  /**
   * From the next command on, clients whose command is for one of these slots wait; what they sent before
   * goes on. Holds add up until `release`. What waits is bounded by the reading of each client, which pauses.
   */
  holdSlots(slots: SlotMarks): void {
    this.#waiting.holdSlots(slots);
  }

  /** Ends every hold. Clients go on in the order in which they came to wait. */
  release(): void {
    this.#waiting.release();
    this.#contexts.plain.redirects.wake();
  }

  /** A connection for commands of the proxy's own, to a server beside it or to another proxy. */
  control(address: NodeAddress): BackendConnection {
    return this.#dedicated.control(address);
  }

  dedicatedStats(): DedicatedStats {
    const { leasedCount, idleCount, refusedCount } = this.#dedicated;
    const blockedCount = this.#dedicated.blockedCount + this.#clients.heldCount;
    const trackingCount = this.#contexts.plain.tracking.count;
    return { leasedCount, idleCount, blockedCount, refusedCount, trackingCount };
  }

  pubsubStats(): PubsubStats {
    return this.#pubsub.stats();
  }

  backendStats(): readonly BackendStats[] {
    return this.#pool.groups().map(backendStatsOf);
  }

  /** Lets every client go as soon as it has the replies it is owed. */
  endClients(): void {
    for (const client of this.#clients.all()) client.endAfterReplies();
  }

  destroy(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients.all()) client.destroy();
    this.#turnedAway.destroy();
    this.#pool.destroy();
    this.#dedicated.destroy();
    this.#pubsub.destroy();
  }

  /** Values can be compressed from now on. */
  #useCodec(): void {
    this.#contexts.compression = this.#compression.current;
    this.#waiting.retry();
  }

  #closeSlow(client: OutputReader): void {
    const { counters, logger } = this.#contexts.cluster;
    const facts = { client: client.peer, waitingBytes: client.outputBytes };
    logger.warn(facts, 'client closed: above the soft output limit for too long');
    counters[CLIENTS_OVER_OUTPUT] = (counters[CLIENTS_OVER_OUTPUT] ?? 0) + 1;
    client.destroy();
  }

  #sessionOf(id: number, port: PortKind, ageMs: number): Session {
    return new Session({
      id,
      lane: this.#acceptedCount++,
      port,
      createdMs: this.#contexts.cluster.loop.nowMs - ageMs,
      needsPassword: this.#options.password !== null,
    });
  }

  #serve(
    context: ProxyContext,
    connection: AcceptedConnection,
    session: Session,
  ): ClientConnection {
    const client = new ClientConnection(context, session);
    this.#clients.add(client);
    const { counters } = context;
    counters[CLIENTS_ACTIVE] = (counters[CLIENTS_ACTIVE] ?? 0) + 1;
    client.attach(context.loop.transports.accepted(connection, client));
    return client;
  }

  #forget(client: Client): void {
    this.#clients.delete(client);
    this.#pubsub.forget(client);
    client.context.monitor.delete(client);
    client.context.spread?.onGone(client);
    const { counters } = this.#contexts.cluster;
    counters[CLIENTS_CLOSED] = (counters[CLIENTS_CLOSED] ?? 0) + 1;
  }

  #tick(): void {
    const { loop } = this.#contexts.cluster;
    loop.tick();
    this.#pool.tick();
    this.#dedicated.tick();
    this.#contexts.plain.tracking.tick();
    this.#pubsub.tick();
    this.#contexts.laneCount = this.#load.next(this.#clients.count);
    this.#contexts.plain.redirects.wake();
    this.#clients.tick(loop.nowMs);
    closeIdle(this.#clients.all(), loop.watchedMs, this.#clients.sessionTimeoutMs);
  }
}

/** Closes clients that have said nothing for too long; 0: never. */
function closeIdle(clients: Iterable<Client>, watchedMs: number, sessionTimeoutMs: number): void {
  if (sessionTimeoutMs === 0) return;
  for (const client of clients) {
    // A subscriber has nothing to say.
    const isQuiet = client.owed === 0 && client.session.subscriptions === null;
    if (isQuiet && watchedMs - client.activeMs > sessionTimeoutMs) client.destroy();
  }
}

/** What clients share before there is a routing table. */
function contextOf(
  parts: ServingLoopParts,
  own: Pick<
    ProxyContext,
    | 'park'
    | 'forget'
    | 'dedicated'
    | 'pubsub'
    | 'directory'
    | 'loops'
    | 'laneCount'
    | 'replyTimeout'
  >,
): Omit<ProxyContext, 'contextOf'> {
  const { options } = parts;
  const numbers = { next: parts.loopIndex, step: parts.loopCount };
  return {
    ...parts,
    ...own,
    isPlain: options.activeRedirection,
    clock: options.clock,
    spread: null,
    scripts: new ScriptCache({
      bytesMax: options.scriptCacheBytesMax,
      digestsMax: options.scriptDigestsMax,
      missingMs: options.scriptLookupMs,
    }),
    scriptLookup: new ScriptLookup(),
    redirects: new Redirects(),
    slowLog: new SlowLog(options.slowLog, numbers),
    deniedLogins: new DeniedLogins(options.aclLogEntriesMax, numbers),
    secondScanner: new RequestScanner(options.limits),
    monitor: new CommandMonitor(parts.loop),
    keys: new KeyPositions(),
    tracking: new TrackingClients(),
    learned: new LearnedCommands(options.learnedCommandsMax, parts.logger),
    longWork: new SliceRunner(),
    slotScans: { count: 0 },
    table: EMPTY_TABLE,
    slots: EMPTY_TABLE.slots,
    compression: null,
    groups: [],
    owners: EMPTY_TABLE,
    servers: [],
    splitBy: null,
  };
}

function serverEndpointOf(options: ProxyOptions): BackendEndpoint {
  return {
    socketPath: options.backendSocketPath,
    credentials: credentialsOf(options),
    isPeer: false,
    request: null,
  };
}

/** Another proxy takes this one for a client, so it wants the password that clients give. */
function peerEndpointOf({ password, activeRedirection }: ProxyOptions): BackendEndpoint {
  const credentials = password === null ? null : { username: null, password };
  // Two that follow redirections for each other could wait for each other.
  const request = activeRedirection ? REDIRECT_COMMAND : null;
  return { socketPath: null, credentials, isPeer: true, request };
}

/** What the Redis servers want to hear first; null: nothing. */
export function credentialsOf(options: ProxyOptions): BackendCredentials | null {
  const { backendPassword, backendUsername } = options;
  return backendPassword === null ? null : { username: backendUsername, password: backendPassword };
}

/** What one loop gets of something that all share. */
function shareOf(count: number, loopCount: number): number {
  return Math.max(1, Math.floor(count / loopCount));
}
