import {
  DEFAULT_CLUSTER_CONFIG,
  parseNodeAddress,
  type ClusterConfig,
  type CompressionStrategy,
  type Epoch,
  type MigrationTask,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { silentLogger, type Clock, type Logger } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import type { PromotedNode } from './core/balance-plan.ts';
import { checkCustomRoutes, type CustomRoute } from './custom-route.ts';
import { BrokerError } from './errors.ts';
import { AuditFile } from './shell/audit-file.ts';
import { askToCancel, type CancelAnswer } from './shell/ask-to-cancel.ts';
import { fetchProxyEpoch } from './shell/fetch-epoch.ts';
import { fetchReplicaState, type ReplicaState } from './shell/fetch-replica.ts';
import { isShared, type MetaStorage } from './shell/persistence/meta-storage.ts';
import { createStorage, whole, type StorageChoice } from './storage-options.ts';

/** Asks a proxy for the epoch of its metadata. Null: it cannot be asked. */
export type FetchEpoch = (address: NodeAddress) => Promise<Epoch | null>;

/** Asks a proxy whether a Redis server behind it follows its master. */
export type FetchReplica = (node: PromotedNode) => Promise<ReplicaState>;

/** Asks the source of a migration to give it up. */
export type AskToCancel = (task: MigrationTask) => Promise<CancelAnswer>;

/** Settings of a broker. Names and defaults are those of the original's configuration where it has them. */
export interface BrokerOptions {
  /** Where to listen, `host:port`; port 0 takes a free one. Default `127.0.0.1:7799`. */
  readonly address?: string;
  /** Seconds after its latest report that a proxy is no longer seen as down. Default 60. */
  readonly failureTtl?: number;
  /** Distinct reporters that make a proxy count as down. Default 1. */
  readonly failureQuorum?: number;
  /** Migrations that proxies are told about at a time, per cluster; 0: all. Default 1. */
  readonly migrationLimit?: number;
  /**
   * Migrations of all clusters that run at a time with an end on one host; 0: any number. Those that were
   * planned without a limit are not held to one. Default 0.
   */
  readonly hostMigrationLimit?: number;
  /** `memory` loses everything with the process. Default `memory`. */
  readonly storage?: StorageChoice;
  /** For how long a shared storage is tried at start. Default 30,000. */
  readonly storageStartTimeoutMs?: number;
  /**
   * Where the other brokers of a shared storage reach this one, `host:port`. Default: `address`, which has to be
   * given where that is an address of all interfaces.
   */
  readonly advertiseAddress?: string;
  /**
   * Age in milliseconds up to which a shared state is answered from memory. Default 0: the storage is asked
   * before every answer, so that nothing old is ever answered.
   */
  readonly readAgeMsMax?: number;
  /** Time for which a mutation waits for a leader that takes it, with storage etcd. Default 5000. */
  readonly forwardTimeoutMs?: number;
  /** Time for which it then waits for the leader's answer. Default 60,000. */
  readonly forwardAnswerTimeoutMs?: number;
  /** Standby brokers that the state is pushed to. Default none. */
  readonly replicaAddresses?: readonly string[];
  /** Seconds between two pushes; 0: never. Default 0. */
  readonly syncMetaInterval?: number;
  /** Time for one push to one of them. Default 10,000. */
  readonly syncMetaTimeoutMs?: number;
  /** StatefulSet mode: one cluster, proxies taken by index. A stored state overrides it. Default false. */
  readonly enableOrderedProxy?: boolean;

  /** Configuration of new clusters: which values are compressed. Default `disabled`. */
  readonly compressionStrategy?: CompressionStrategy;
  /** Seconds. Default 10,800. */
  readonly migrationMaxMigrationTime?: number;
  /** Milliseconds. Default 10,000. */
  readonly migrationMaxBlockingTime?: number;
  /** Microseconds. Default 500. */
  readonly migrationScanInterval?: number;
  /** Keys per page. Default 16. */
  readonly migrationScanCount?: number;

  /** Largest request body in bytes; a whole dump (`PUT /metadata`) may be `dumpBytesMax`. Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Default 256 MiB. */
  readonly dumpBytesMax?: number;
  /** Time for receiving one request, and for a silent connection. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Bytes that the headers of one request may have. Default 16 KiB. */
  readonly headerBytesMax?: number;
  /**
   * How long a broker that stops goes on serving while `/readyz` is 503 already, so that load balancers send no more
   * before the port is closed. It is part of the time for stopping. Default 0.
   */
  readonly shutdownDelayMs?: number;
  /** Connections at a time; further ones are closed as they come. Default 10,000. */
  readonly connectionsMax?: number;
  /** Mutations that may wait. Default 10,000. */
  readonly queueLengthMax?: number;
  /** Bytes of rendered documents kept per cluster. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  /** Requests to `/watch` that may wait or listen at a time; further ones get OVERLOADED. Default 1000. */
  readonly watchersMax?: number;
  /** Changes remembered for watchers that come back; who missed more reads everything. Default 1000. */
  readonly watchHistoryMax?: number;
  /** Names in one answer to a watcher; above it the watcher is told to read everything. Default 1000. */
  readonly watchNamesMax?: number;
  /** Bytes that a listener has not taken yet, above which it is dropped. Default 256 KiB. */
  readonly watchBufferBytesMax?: number;
  /** Pause between two signs of life to a listener. Default 15,000. */
  readonly watchHeartbeatMs?: number;
  /** Longest time that a watch without events waits for a change, whatever it asks for. Default 60,000. */
  readonly watchWaitMsMax?: number;
  /** Mutations of the audit log that can be queried. Default 10,000. */
  readonly auditEntriesMax?: number;
  /** File that the audit log is appended to as lines of JSON. Default none: it ends with the process. */
  readonly auditFile?: string;
  /** Size at which the audit file is put aside as `<file>.1`, and older ones as `.2` and so on. Default 16 MiB. */
  readonly auditFileBytesMax?: number;
  /** Audit files kept, the present one included. Default 5. */
  readonly auditFilesMax?: number;
  /** How `PUT /epoch/recovery` asks proxies. Default: `UMCTL GETEPOCH` over TCP, one second each. */
  readonly fetchEpoch?: FetchEpoch;
  /** How `PUT /clusters/balance` asks proxies. Default: `UMCTL INFOREPL` over TCP, one second each. */
  readonly fetchReplica?: FetchReplica;
  /** How a cancel asks the sources of migrations that run. Default: `UMCTL CANCELMGR` over TCP, one second each. */
  readonly askToCancel?: AskToCancel;

  /**
   * How long the proxies of a cluster may take to learn of new nodes before `POST /clusters/migrations/auto` gives
   * up. Below `requestTimeoutMs`, at which the silent connection is cut. Default 25,000.
   */
  readonly scaleSyncTimeoutMs?: number;

  /** Routes of the program itself, beside those of the HTTP API. Default none. */
  readonly routes?: readonly CustomRoute[];

  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Options with every default filled in. */
export interface ResolvedBrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly failureTtl: number;
  readonly failureQuorum: number;
  readonly migrationLimit: number;
  readonly hostMigrationLimit: number;
  readonly storage: MetaStorage;
  /** Null: the address that is listened on. */
  readonly advertiseAddress: NodeAddress | null;
  readonly readAgeMsMax: number;
  readonly forwardTimeoutMs: number;
  readonly forwardAnswerTimeoutMs: number;
  readonly replicaAddresses: readonly NodeAddress[];
  readonly syncMetaInterval: number;
  readonly syncMetaTimeoutMs: number;
  readonly enableOrderedProxy: boolean;
  readonly clusterConfig: ClusterConfig;
  readonly bodyBytesMax: number;
  readonly dumpBytesMax: number;
  readonly requestTimeoutMs: number;
  readonly headerBytesMax: number;
  readonly shutdownDelayMs: number;
  readonly connectionsMax: number;
  readonly queueLengthMax: number;
  readonly cacheBytesMax: number;
  readonly watchersMax: number;
  readonly watchHistoryMax: number;
  readonly watchNamesMax: number;
  readonly watchBufferBytesMax: number;
  readonly watchHeartbeatMs: number;
  readonly watchWaitMsMax: number;
  readonly auditEntriesMax: number;
  readonly auditFile: AuditFile | null;
  readonly fetchEpoch: FetchEpoch;
  readonly fetchReplica: FetchReplica;
  readonly askToCancel: AskToCancel;
  readonly scaleSyncTimeoutMs: number;
  readonly routes: readonly CustomRoute[];
  readonly logger: Logger;
  readonly clock: Clock;
}

const MIB = 1024 * 1024;
// Entries that wait for a slow disk: some ten thousand.
const AUDIT_BUFFER_BYTES = 8 * MIB;

/** Fills in defaults. Throws INVALID_OPTION naming the option. */
export function resolveOptions(options: BrokerOptions): ResolvedBrokerOptions {
  const address = toAddress('address', options.address ?? '127.0.0.1:7799');
  const colon = address.lastIndexOf(':');
  return {
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
    failureTtl: whole('failureTtl', options.failureTtl ?? 60, 1),
    failureQuorum: whole('failureQuorum', options.failureQuorum ?? 1, 0),
    migrationLimit: whole('migrationLimit', options.migrationLimit ?? 1, 0),
    hostMigrationLimit: whole('hostMigrationLimit', options.hostMigrationLimit ?? 0, 0),
    ...toStorage(options, address),
    replicaAddresses: (options.replicaAddresses ?? []).map((replica, index) =>
      toAddress(`replicaAddresses[${index}]`, replica),
    ),
    syncMetaInterval: whole('syncMetaInterval', options.syncMetaInterval ?? 0, 0),
    syncMetaTimeoutMs: whole('syncMetaTimeoutMs', options.syncMetaTimeoutMs ?? 10_000, 1),
    enableOrderedProxy: options.enableOrderedProxy ?? false,
    clusterConfig: toClusterConfig(options),
    bodyBytesMax: whole('bodyBytesMax', options.bodyBytesMax ?? MIB, 1),
    dumpBytesMax: whole('dumpBytesMax', options.dumpBytesMax ?? 256 * MIB, 1),
    requestTimeoutMs: whole('requestTimeoutMs', options.requestTimeoutMs ?? 30_000, 1),
    headerBytesMax: whole('headerBytesMax', options.headerBytesMax ?? 16 * 1024, 1),
    shutdownDelayMs: whole('shutdownDelayMs', options.shutdownDelayMs ?? 0, 0),
    connectionsMax: whole('connectionsMax', options.connectionsMax ?? 10_000, 1),
    queueLengthMax: whole('queueLengthMax', options.queueLengthMax ?? 10_000, 1),
    cacheBytesMax: whole('cacheBytesMax', options.cacheBytesMax ?? 64 * MIB, 0),
    watchersMax: whole('watchersMax', options.watchersMax ?? 1000, 0),
    watchHistoryMax: whole('watchHistoryMax', options.watchHistoryMax ?? 1000, 1),
    watchNamesMax: whole('watchNamesMax', options.watchNamesMax ?? 1000, 1),
    watchBufferBytesMax: whole('watchBufferBytesMax', options.watchBufferBytesMax ?? 256 * 1024, 1),
    watchHeartbeatMs: whole('watchHeartbeatMs', options.watchHeartbeatMs ?? 15_000, 1),
    watchWaitMsMax: whole('watchWaitMsMax', options.watchWaitMsMax ?? 60_000, 1),
    auditEntriesMax: whole('auditEntriesMax', options.auditEntriesMax ?? 10_000, 0),
    auditFile: toAuditFile(options),
    fetchEpoch: options.fetchEpoch ?? fetchProxyEpoch,
    fetchReplica: options.fetchReplica ?? fetchReplicaState,
    askToCancel: options.askToCancel ?? askToCancel,
    scaleSyncTimeoutMs: whole('scaleSyncTimeoutMs', options.scaleSyncTimeoutMs ?? 25_000, 0),
    routes: checkCustomRoutes(options.routes ?? []),
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
  };
}

function toClusterConfig(options: BrokerOptions): ClusterConfig {
  const { compressionStrategy, migration, splitCommands } = DEFAULT_CLUSTER_CONFIG;
  const number = (name: keyof BrokerOptions & `migration${string}`, fallback: number, min = 0) =>
    whole(name, options[name] ?? fallback, min);
  return {
    compressionStrategy: options.compressionStrategy ?? compressionStrategy,
    migration: {
      maxMigrationTime: number('migrationMaxMigrationTime', migration.maxMigrationTime),
      maxBlockingTime: number('migrationMaxBlockingTime', migration.maxBlockingTime),
      scanInterval: number('migrationScanInterval', migration.scanInterval),
      scanCount: number('migrationScanCount', migration.scanCount, 1),
    },
    splitCommands,
  };
}

type ResolvedStorage = Pick<
  ResolvedBrokerOptions,
  'storage' | 'advertiseAddress' | 'readAgeMsMax' | 'forwardTimeoutMs' | 'forwardAnswerTimeoutMs'
>;

const ALL_INTERFACES = /^(0\.0\.0\.0|\[::\]):/;

function toStorage(options: BrokerOptions, address: NodeAddress): ResolvedStorage {
  const choice = options.storage ?? 'memory';
  const storage = createStorage(choice, {
    enableOrderedProxy: options.enableOrderedProxy ?? false,
    stateBytesMax: whole('dumpBytesMax', options.dumpBytesMax ?? 256 * MIB, 1),
    startTimeoutMs: whole('storageStartTimeoutMs', options.storageStartTimeoutMs ?? 30_000, 1),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
  });
  const advertised = options.advertiseAddress;
  if (isShared(storage) && !storage.ignoresPushes) {
    if (advertised === undefined && ALL_INTERFACES.test(address)) {
      const message = `advertiseAddress: needed, because other brokers cannot connect to ${address}`;
      throw new BrokerError('INVALID_OPTION', message);
    }
    if ((options.replicaAddresses ?? []).length > 0) {
      const message = 'replicaAddresses: brokers that share their storage have no standby brokers';
      throw new BrokerError('INVALID_OPTION', message);
    }
  }
  return {
    storage,
    advertiseAddress: advertised === undefined ? null : toAddress('advertiseAddress', advertised),
    readAgeMsMax: whole('readAgeMsMax', options.readAgeMsMax ?? 0, 0),
    forwardTimeoutMs: whole('forwardTimeoutMs', options.forwardTimeoutMs ?? 5000, 1),
    forwardAnswerTimeoutMs: whole(
      'forwardAnswerTimeoutMs',
      options.forwardAnswerTimeoutMs ?? 60_000,
      1,
    ),
  };
}

function toAuditFile(options: BrokerOptions): AuditFile | null {
  const bytesMax = whole('auditFileBytesMax', options.auditFileBytesMax ?? 16 * MIB, 1);
  const filesMax = whole('auditFilesMax', options.auditFilesMax ?? 5, 1);
  const { auditFile: path = null, logger = silentLogger } = options;
  if (path === null) return null;
  return new AuditFile({ path, bytesMax, filesMax, bufferBytesMax: AUDIT_BUFFER_BYTES, logger });
}

function toAddress(name: string, value: string): NodeAddress {
  const address = parseNodeAddress(value);
  if (address !== null) return address;
  throw new BrokerError('INVALID_OPTION', `${name}: ${JSON.stringify(value)} is not "host:port"`);
}
