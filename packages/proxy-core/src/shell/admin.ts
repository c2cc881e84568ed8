import type { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { EPOCH_ZERO } from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { FIXED_PARAMETERS } from '../core/config-table.ts';
import { EMPTY_TABLE, type RoutingTable } from '../core/routing-table.ts';
import { executeCluster } from './admin-cluster.ts';
import { executeConfig } from './admin-config.ts';
import { executeInfo } from './admin-info.ts';
import { executeLastSave, executeRole } from './admin-role.ts';
import { executeUmctl } from './admin-umctl.ts';
import { writeError, wordAt } from './admin-words.ts';
import { ClusterReplies } from './cluster-replies.ts';
import type { ControlRequest } from './control-request.ts';
import type {
  ControlCall,
  ControlSession,
  ControlState,
  ProxyControlOptions,
  ReplicationSettings,
} from './control-state.ts';
import { LaterReplies } from './later-replies.ts';
import { ReplicaRoutes } from './replica-routes.ts';
import { ReplicationRunner } from './replication-runner.ts';
import type { ReplyTaker } from './shared-replies.ts';
import { SliceMeters } from '../core/slice-meters.ts';

const DEFAULT_REPLICATION: ReplicationSettings = {
  checkIntervalMs: 1000,
  connectTimeoutMs: 1000,
  commandTimeoutMs: 1000,
  retryMinMs: 50,
  credentials: null,
  localNodesMax: 64,
};
const DEFAULT_METADATA_BYTES = 64 * 1024 * 1024;

/** The control side of one proxy: its metadata, the roles of its Redis servers, and the admin commands. */
export interface ProxyControl {
  /** The current snapshot. */
  readonly table: RoutingTable;
  /**
   * The listener runs inside SETCLUSTER, after the swap and before the reply; and again when other slots than before
   * can be read from copies.
   */
  onTableChange(listener: (table: RoutingTable) => void): void;
  /** Starts watching the Redis servers. */
  start(): void;
  /** Stops watching them. Nothing is sent to them on the way out. */
  close(): Promise<void>;
  destroy(): void;
  /** Why a command of so many bytes is not taken now, as the text of an error reply; null: it is. */
  refusalOf(frameBytes: number): string | null;
  /**
   * Executes UMCTL, CLUSTER, CONFIG or INFO as it came over a connection. Returns the reply; or null when the
   * work grows with the metadata: it is then done in slices, and `taker` gets the reply in a later turn, once.
   * Bytes of replies are shared and never to be changed.
   */
  begin(request: ControlRequest, session: ControlSession, taker: ReplyTaker): Buffer | null;
  /**
   * The same at once, however long it takes, `args[0]` being the name; writes exactly one reply. The arguments
   * are not kept.
   */
  execute(args: readonly Uint8Array[], session: ControlSession, writer: RespWriter): void;
}

/** Creates the control side, without metadata and not yet started. */
export function createProxyControl(options: ProxyControlOptions): ProxyControl {
  const listeners: ((table: RoutingTable) => void)[] = [];
  const { state, routes } = createState(options, (table) => {
    for (const listener of listeners) listener(table);
  });
  const { replication } = state;
  const later = new LaterReplies(state);
  return {
    get table() {
      return state.table;
    },
    onTableChange(listener) {
      listeners.push(listener);
    },
    start() {
      later.warmUp();
      replication.start();
      routes.start();
    },
    close() {
      later.close();
      routes.stop();
      replication.stop();
      return Promise.resolve();
    },
    destroy() {
      later.close();
      routes.stop();
      replication.stop();
    },
    refusalOf(frameBytes) {
      return later.refusalOf(frameBytes);
    },
    begin(request, session, taker) {
      const { protocol } = session;
      const started = later.begin(request, session, taker);
      if (started === 'later') return null;
      if (started !== 'quick') return started;
      const writer = new RespWriter(protocol);
      execute(state, { args: request.args(), session, writer });
      return writer.take();
    },
    execute(args, session, writer) {
      execute(state, { args, session, writer });
    },
  };
}

function createState(
  options: ProxyControlOptions,
  onTable: (table: RoutingTable) => void,
): { state: ControlState; routes: ReplicaRoutes } {
  const settings = { ...DEFAULT_REPLICATION, ...options.replication };
  const { clock, logger, announceAddress: address } = options;
  const own = { address, replicaAddress: options.announceReplicaAddress };
  const clusterReplies = new ClusterReplies(own, sha1Hex);
  const replication = new ReplicationRunner({
    ...settings,
    clock,
    logger,
    onReplicas: () => routes.setCopies(replication.replicas()),
  });
  const routes = new ReplicaRoutes({ ...settings, clock, onTable });
  const state: ControlState = {
    options,
    config: [...options.config, ...FIXED_PARAMETERS],
    localNodesMax: settings.localNodesMax,
    metadataBytesMax: options.metadataBytesMax ?? DEFAULT_METADATA_BYTES,
    meters: new SliceMeters(),
    replication,
    clusterReplies,
    nodeId: clusterReplies.selfIdIn(EMPTY_TABLE),
    table: EMPTY_TABLE,
    replicationEpoch: EPOCH_ZERO,
    isShuttingDown: false,
    setTable(table) {
      state.table = table;
      routes.setTable(table);
    },
    setRoles(entries) {
      replication.apply(entries);
      clusterReplies.setRoles(entries);
      routes.setRoles(entries);
      routes.setCopies(replication.replicas());
    },
  };
  return { state, routes };
}

function execute(state: ControlState, call: ControlCall): void {
  call.writer.protocol = call.session.protocol;
  const name = wordAt(call.args, 0)?.toUpperCase();
  switch (name) {
    case 'UMCTL':
      executeUmctl(state, call);
      break;
    case 'CLUSTER':
      executeCluster(state, call);
      break;
    case 'CONFIG':
      executeConfig(state, call);
      break;
    case 'INFO':
      executeInfo(state, call);
      break;
    case 'ROLE':
      executeRole(state, call);
      break;
    case 'LASTSAVE':
      executeLastSave(state, call);
      break;
    default:
      writeError(call.writer, `ERR unknown command '${name ?? ''}'`);
  }
}

function sha1Hex(text: string): string {
  return hash('sha1', text);
}
