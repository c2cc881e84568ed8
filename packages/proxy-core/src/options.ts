import { type NodeAddress, parseNodeAddress } from '@undermoon/cluster-meta';
import { DEFAULT_RESP_LIMITS, type RespLimits } from '@undermoon/resp';
import { type Clock, type Logger, silentLogger } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { ProxyError } from './errors.ts';
import type { SlowLogSettings } from './core/slow-log.ts';
import type { SpreadKind } from './core/spread-policy.ts';
import type { SocketKind } from './shell/transport.ts';

/** Options of `createProxyServer`; every field may be left out. */
export interface ProxyServerOptions {
  /** Where to listen, `host:port`; port 0 takes a free one. Default 127.0.0.1:5299. */
  address?: string;
  /**
   * Where clients are served that see one Redis server instead of a cluster: their commands go to whichever proxy
   * owns the keys, and those on several keys are split. Default: nowhere.
   */
  plainAddress?: string | null;
  /**
   * Where cluster clients find this proxy as a replica: they keep one mode per address, and at `address` it is a master.
   * Its commands are those of `address`. Default: nowhere.
   */
  replicaAddress?: string | null;
  /** Clients of `address` are served as those of `plainAddress`, too. Default false. */
  activeRedirection?: boolean;
  /** How clients and peers reach this proxy; must be the address registered at the broker. Default: the listening address. */
  announceAddress?: string;
  /** The same for `replicaAddress`: the `replica_address` registered at the broker. Default: `replicaAddress`. */
  announceReplicaAddress?: string | null;
  /** Password that clients must give. Default: none. */
  password?: string | null;
  /** Credentials for the Redis servers beside this proxy. Default: none. */
  backendPassword?: string | null;
  backendUsername?: string | null;
  /**
   * Connections per Redis server and protocol version, shared out among the loops, at least one for each; a
   * session uses one of them at a time, and all use the same one while many wait for single small replies. Default 2.
   */
  backendConnNum?: number;
  /**
   * The same while requests in pipelines are large (512 bytes and more on average), if that is more; for large
   * ones without a pipeline twice `backendConnNum`, but no more than this. Default: six times as many.
   */
  backendConnNumLarge?: number;
  /**
   * Whether a loop that many clients keep busy with single requests gathers them in pauses of 0.06 to 0.1 ms, in which it does nothing
   * else either: more requests per second at less CPU time for each. Default true.
   */
  moderation?: boolean;
  /**
   * Unix socket of the Redis servers, with `{port}` and `{host}` for those of their address, such as
   * `/run/redis/{port}.sock`. Default: TCP.
   */
  backendSocketPath?: string | null;
  /** Milliseconds without any reply after which a backend connection is given up. Default 3000. */
  backendTimeoutMs?: number;
  /** Milliseconds to connect to a Redis server. Default 1000. */
  backendConnectTimeoutMs?: number;
  /** Milliseconds to wait after a failed connect before the next one. Default 100. */
  backendRetryDelayMs?: number;
  /**
   * Milliseconds that commands wait for a Redis server that cannot be reached, from the moment it was first missed;
   * after that they fail at once until it is there again. 0: they never wait. Default 1500.
   */
  backendWaitMs?: number;
  /**
   * Bytes of commands per backend connection that are kept until their replies, so that those that only read can be
   * sent again when the connection breaks. 0: none is. Default 1 MiB.
   */
  backendResendBytesMax?: number;
  /** Replies a backend connection may owe before its clients are paused. Default 100000. */
  backendPendingMax?: number;
  /** Bytes that may wait for a backend before its clients are paused. Default 4 MiB. */
  backendQueuedBytesMax?: number;
  /**
   * Connections to Redis servers that single clients have for themselves (blocking commands, WATCH, key tracking),
   * leased and idle ones together. Default 1000.
   */
  dedicatedConnectionsMax?: number;
  /** Milliseconds that such a connection stays open unused. Default 60000. */
  dedicatedIdleMs?: number;
  /** Milliseconds of idleness after which a client is closed; 0 is never. Default 0. */
  sessionTimeoutMs?: number;
  /** Clients at once; on Linux no more than the process may have files open for. Default 10000. */
  clientsMax?: number;
  /**
   * Output of one client, waiting for the network or for replies before it, at which it is no longer read.
   * Default 1 MiB.
   */
  outputPauseBytes?: number;
  /** The same at which it is closed. Default 64 MiB. */
  outputBytesMax?: number;
  /**
   * Milliseconds that a backend connection waits, in all, for one client that takes a single reply larger than
   * `outputBytesMax`; replies to others wait behind it. A client that needs longer is closed. 0: no wait. Default 3000.
   */
  outputWaitMs?: number;
  /** The same at which it is closed after `outputSoftMs` without a moment below it; 0: never. Default 0. */
  outputSoftBytes?: number;
  /** Default 60000. */
  outputSoftMs?: number;
  /** The largest command of a client. Default 1 GiB. */
  queryBufferBytesMax?: number;
  /** The same before the client has given the password, where one is needed. Default 16 MiB. */
  unauthenticatedBytesMax?: number;
  /** Bytes of commands that a client may queue between MULTI and EXEC. Default 64 MiB. */
  transactionBytesMax?: number;
  /** Commands that a client may queue between MULTI and EXEC. Default 100000. */
  transactionCommandsMax?: number;
  /** Channels and patterns that a client may subscribe to. Default 100000. */
  subscriptionsPerClientMax?: number;
  /** The same for all clients of an event loop together. Default 1000000. */
  subscriptionsMax?: number;
  /** The largest published message, with its channel, that is passed on to subscribers. Default 64 MiB. */
  pubsubMessageBytesMax?: number;
  /** Bytes of UMCTL SETCLUSTER and SETREPL that are read or wait at once. Default 64 MiB. */
  metadataBytesMax?: number;
  /** Bytes of scripts that are kept to load them into a server that lacks them. Default 16 MiB. */
  scriptCacheBytesMax?: number;
  /** Digests of scripts that are remembered for one server, and of those that no proxy knew. Default 65536. */
  scriptDigestsMax?: number;
  /** Scripts that are asked for at other proxies at once; further ones count as unknown there. Default 64. */
  scriptLookupsMax?: number;
  /** Milliseconds that other proxies have to hand over a script, and until it is asked for again. Default 200. */
  scriptLookupMs?: number;
  /**
   * Milliseconds for which a command of a plain client is sent on that other proxies redirect, since they have newer or
   * older metadata. Default 5000.
   */
  redirectTimeoutMs?: number;
  /** Bytes of commands to other proxies that one event loop keeps to be sent on. Default 64 MiB. */
  redirectBytesMax?: number;
  /**
   * Commands that the proxy does not know but its Redis servers do, such as those of modules, that one event loop
   * keeps in mind; 0: they are unknown. Default 1024.
   */
  learnedCommandsMax?: number;
  /** Milliseconds that the search for the keys of slots (CLUSTER COUNTKEYSINSLOT and the like) may take. Default 30000. */
  slotScanTimeoutMs?: number;
  /** Memory that the keys found by it may take. Default 64 MiB. */
  slotScanBytesMax?: number;
  /** Such searches at once, per event loop. Default 4. */
  slotScansMax?: number;
  /**
   * The slow log: which commands are kept (`slowerThanUs`, microseconds from dispatch to reply; negative: none), how many of
   * them (`entriesMax`), and that one command in `sampleRate` is timed. Default 50000, 1024, 1000.
   */
  slowLog?: Partial<SlowLogSettings>;
  /** Milliseconds from which on LATENCY notes an event; 0: nothing is noted. Default 0. */
  latencyMonitorThresholdMs?: number;
  /** Failed logins that ACL LOG keeps, per event loop. Default 128. */
  aclLogEntriesMax?: number;
  /** Limits of the protocol parser. */
  limits?: Partial<RespLimits>;
  /** Where keys are redirected while the proxy is in no cluster. Default: nowhere. */
  defaultRedirectionAddress?: string | null;
  /** How sockets are used; where the runtime cannot do it, the next slower way. Default 'raw-handle'. */
  sockets?: SocketKind;
  /**
   * Event loops that carry clients: one on the thread of the caller, which also takes all decisions, and the
   * others in threads of their own, for machines with cores to spare. Needs `sockets: 'raw-handle'` and the
   * main thread; where that cannot be had, one loop is used and a warning logged. At most 1024. Default 1.
   */
  threads?: number;
  /**
   * When clients go to other loops than the first: 'when-needed', those that pipeline, and others while the first
   * loop is busy and a core is idle; 'at-once', every new client to the loop with the fewest. Default 'when-needed'.
   */
  spreadClients?: SpreadKind;
  /** Milliseconds that all loops have to agree on new routing; a loop that is later is left behind. Default 1000. */
  loopHoldTimeoutMs?: number;
  /** Milliseconds between two looks at the roles of the Redis servers. Default 1000. */
  replicationCheckIntervalMs?: number;
  logger?: Logger;
  clock?: Clock;
  /** Called when a peer sends UMCTL SHUTDOWN. Default: the proxy closes itself. */
  onShutdown?: (() => void) | null;
  /** Called when the proxy cannot go on, since one of its threads died. It was destroyed by then. Default: nothing. */
  onFailure?: ((error: Error) => void) | null;
}

/** The options with every default filled in. */
export type ProxyOptions = {
  readonly [
    K in keyof Required<
      Omit<
        ProxyServerOptions,
        | 'address'
        | 'plainAddress'
        | 'replicaAddress'
        | 'announceAddress'
        | 'announceReplicaAddress'
        | 'slowLog'
        | 'limits'
      >
    >
  ]: Required<ProxyServerOptions>[K];
} & {
  readonly address: NodeAddress;
  readonly plainAddress: NodeAddress | null;
  readonly replicaAddress: NodeAddress | null;
  /** Null: the listening address; so for the next. */
  readonly announceAddress: NodeAddress | null;
  readonly announceReplicaAddress: NodeAddress | null;
  readonly slowLog: SlowLogSettings;
  readonly limits: RespLimits;
};

const MIB = 1024 * 1024;
const THREADS_MAX = 1024;

/** Fills in defaults and checks. Throws ProxyError INVALID_OPTION naming the option. */
export function resolveOptions(given: ProxyServerOptions): ProxyOptions {
  const options: ProxyOptions = {
    address: addressOption('address', given.address ?? '127.0.0.1:5299'),
    plainAddress: addressOrNull('plainAddress', given.plainAddress),
    activeRedirection: given.activeRedirection ?? false,
    announceAddress: addressOrNull('announceAddress', given.announceAddress),
    replicaAddress: addressOrNull('replicaAddress', given.replicaAddress),
    announceReplicaAddress: addressOrNull('announceReplicaAddress', given.announceReplicaAddress),
    password: given.password ?? null,
    backendPassword: given.backendPassword ?? null,
    backendUsername: given.backendUsername ?? null,
    backendConnNum: given.backendConnNum ?? 2,
    backendConnNumLarge: given.backendConnNumLarge ?? 6 * (given.backendConnNum ?? 2),
    moderation: given.moderation ?? true,
    backendSocketPath: given.backendSocketPath ?? null,
    backendTimeoutMs: given.backendTimeoutMs ?? 3000,
    backendConnectTimeoutMs: given.backendConnectTimeoutMs ?? 1000,
    backendRetryDelayMs: given.backendRetryDelayMs ?? 100,
    backendWaitMs: given.backendWaitMs ?? 1500,
    backendResendBytesMax: given.backendResendBytesMax ?? MIB,
    backendPendingMax: given.backendPendingMax ?? 100_000,
    backendQueuedBytesMax: given.backendQueuedBytesMax ?? 4 * MIB,
    dedicatedConnectionsMax: given.dedicatedConnectionsMax ?? 1000,
    dedicatedIdleMs: given.dedicatedIdleMs ?? 60_000,
    sessionTimeoutMs: given.sessionTimeoutMs ?? 0,
    clientsMax: given.clientsMax ?? 10_000,
    outputPauseBytes: given.outputPauseBytes ?? MIB,
    outputBytesMax: given.outputBytesMax ?? 64 * MIB,
    outputWaitMs: given.outputWaitMs ?? 3000,
    outputSoftBytes: given.outputSoftBytes ?? 0,
    outputSoftMs: given.outputSoftMs ?? 60_000,
    queryBufferBytesMax: given.queryBufferBytesMax ?? 1024 * MIB,
    unauthenticatedBytesMax: given.unauthenticatedBytesMax ?? 16 * MIB,
    transactionBytesMax: given.transactionBytesMax ?? 64 * MIB,
    transactionCommandsMax: given.transactionCommandsMax ?? 100_000,
    subscriptionsPerClientMax: given.subscriptionsPerClientMax ?? 100_000,
    subscriptionsMax: given.subscriptionsMax ?? 1_000_000,
    pubsubMessageBytesMax: given.pubsubMessageBytesMax ?? 64 * MIB,
    metadataBytesMax: given.metadataBytesMax ?? 64 * MIB,
    scriptCacheBytesMax: given.scriptCacheBytesMax ?? 16 * MIB,
    scriptDigestsMax: given.scriptDigestsMax ?? 65_536,
    scriptLookupsMax: given.scriptLookupsMax ?? 64,
    scriptLookupMs: given.scriptLookupMs ?? 200,
    redirectTimeoutMs: given.redirectTimeoutMs ?? 5000,
    redirectBytesMax: given.redirectBytesMax ?? 64 * MIB,
    learnedCommandsMax: given.learnedCommandsMax ?? 1024,
    slotScanTimeoutMs: given.slotScanTimeoutMs ?? 30_000,
    slotScanBytesMax: given.slotScanBytesMax ?? 64 * MIB,
    slotScansMax: given.slotScansMax ?? 4,
    slowLog: { slowerThanUs: 50_000, entriesMax: 1024, sampleRate: 1000, ...given.slowLog },
    latencyMonitorThresholdMs: given.latencyMonitorThresholdMs ?? 0,
    aclLogEntriesMax: given.aclLogEntriesMax ?? 128,
    limits: { ...DEFAULT_RESP_LIMITS, ...given.limits },
    defaultRedirectionAddress: addressOrNull(
      'defaultRedirectionAddress',
      given.defaultRedirectionAddress,
    ),
    sockets: given.sockets ?? 'raw-handle',
    threads: given.threads ?? 1,
    spreadClients: given.spreadClients ?? 'when-needed',
    loopHoldTimeoutMs: given.loopHoldTimeoutMs ?? 1000,
    replicationCheckIntervalMs: given.replicationCheckIntervalMs ?? 1000,
    logger: given.logger ?? silentLogger,
    clock: given.clock ?? systemClock,
    onShutdown: given.onShutdown ?? null,
    onFailure: given.onFailure ?? null,
  };
  checkCounts(options);
  return options;
}

function checkCounts(options: ProxyOptions): void {
  if (options.announceReplicaAddress !== null && options.replicaAddress === null) {
    const message = 'announceReplicaAddress: there is no replicaAddress to announce';
    throw new ProxyError('INVALID_OPTION', message);
  }
  const atLeastOne = [
    'backendConnNum',
    'backendConnNumLarge',
    'backendTimeoutMs',
    'backendConnectTimeoutMs',
    'backendPendingMax',
    'backendQueuedBytesMax',
    'dedicatedConnectionsMax',
    'clientsMax',
    'outputBytesMax',
    'queryBufferBytesMax',
    'unauthenticatedBytesMax',
    'metadataBytesMax',
    'transactionBytesMax',
    'transactionCommandsMax',
    'scriptDigestsMax',
    'scriptLookupMs',
    'subscriptionsPerClientMax',
    'subscriptionsMax',
    'pubsubMessageBytesMax',
    'threads',
    'loopHoldTimeoutMs',
    'replicationCheckIntervalMs',
  ] as const;
  for (const name of atLeastOne) checkInteger(name, options[name], 1);
  if (!['when-needed', 'at-once'].includes(options.spreadClients)) {
    throw new ProxyError('INVALID_OPTION', "spreadClients: expected 'when-needed' or 'at-once'");
  }
  if (options.threads > THREADS_MAX) {
    throw new ProxyError('INVALID_OPTION', `threads: expected at most ${THREADS_MAX}`);
  }
  checkInteger('slowLog.sampleRate', options.slowLog.sampleRate, 0);
  checkInteger('slowLog.entriesMax', options.slowLog.entriesMax, 0);
  checkInteger('slowLog.slowerThanUs', options.slowLog.slowerThanUs, Number.MIN_SAFE_INTEGER);
  // A socket tells that it has drained only if more than its high water mark was waiting.
  checkInteger('outputPauseBytes', options.outputPauseBytes, 65_536);
  // A client is looked at only once it has been paused.
  if (options.outputSoftBytes !== 0) {
    checkInteger('outputSoftBytes', options.outputSoftBytes, options.outputPauseBytes);
  }
  for (const name of [
    'sessionTimeoutMs',
    'backendRetryDelayMs',
    'backendWaitMs',
    'backendResendBytesMax',
    'dedicatedIdleMs',
    'outputSoftMs',
    'outputWaitMs',
    'scriptCacheBytesMax',
    'scriptLookupsMax',
    'redirectTimeoutMs',
    'redirectBytesMax',
    'learnedCommandsMax',
    'slotScanTimeoutMs',
    'slotScanBytesMax',
    'slotScansMax',
    'latencyMonitorThresholdMs',
    'aclLogEntriesMax',
  ] as const) {
    checkInteger(name, options[name], 0);
  }
}

/** The limits that clients may reach, under the names of the configuration file. */
export function limitsOf(options: ProxyOptions): readonly (readonly [string, number])[] {
  return [
    ['clients_max', options.clientsMax],
    ['query_buffer_bytes_max', options.queryBufferBytesMax],
    ['unauthenticated_bytes_max', options.unauthenticatedBytesMax],
    ['output_pause_bytes', options.outputPauseBytes],
    ['output_bytes_max', options.outputBytesMax],
    ['output_wait_ms', options.outputWaitMs],
    ['output_soft_bytes', options.outputSoftBytes],
    ['output_soft_ms', options.outputSoftMs],
    ['transaction_bytes_max', options.transactionBytesMax],
    ['transaction_commands_max', options.transactionCommandsMax],
    ['subscriptions_per_client_max', options.subscriptionsPerClientMax],
    ['subscriptions_max', options.subscriptionsMax],
    ['pubsub_message_bytes_max', options.pubsubMessageBytesMax],
    ['script_cache_bytes_max', options.scriptCacheBytesMax],
    ['script_digests_max', options.scriptDigestsMax],
    ['script_lookups_max', options.scriptLookupsMax],
    ['redirect_bytes_max', options.redirectBytesMax],
    ['learned_commands_max', options.learnedCommandsMax],
    ['slot_scan_timeout_ms', options.slotScanTimeoutMs],
    ['slot_scan_bytes_max', options.slotScanBytesMax],
    ['slot_scans_max', options.slotScansMax],
    ['dedicated_connections_max', options.dedicatedConnectionsMax],
    ['backend_pending_max', options.backendPendingMax],
    ['backend_queued_bytes_max', options.backendQueuedBytesMax],
    ['backend_resend_bytes_max', options.backendResendBytesMax],
    ['metadata_bytes_max', options.metadataBytesMax],
  ];
}

function checkInteger(name: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw new ProxyError('INVALID_OPTION', `${name}: expected a whole number of at least ${min}`);
}

function addressOrNull(name: string, text: string | null | undefined): NodeAddress | null {
  return text === undefined || text === null ? null : addressOption(name, text);
}

function addressOption(name: string, text: string): NodeAddress {
  const address = parseNodeAddress(text);
  if (address !== null) return address;
  throw new ProxyError('INVALID_OPTION', `${name}: "${text}" is not host:port`);
}
