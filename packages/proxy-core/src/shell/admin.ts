import { createHash } from 'node:crypto';
import { EPOCH_ZERO } from '@undermoon/cluster-meta';
import type { RespWriter } from '@undermoon/resp';
import { FIXED_PARAMETERS } from '../core/config-table.ts';
import { EMPTY_TABLE, type RoutingTable } from '../core/routing-table.ts';
import { executeCluster } from './admin-cluster.ts';
import { executeConfig } from './admin-config.ts';
import { executeInfo } from './admin-info.ts';
import { executeUmctl } from './admin-umctl.ts';
import { writeError, wordAt } from './admin-words.ts';
import { ClusterReplies } from './cluster-replies.ts';
import type {
  ControlCall,
  ControlState,
  ProxyControlOptions,
  ReplicationSettings,
} from './control-state.ts';
import { ReplicationRunner } from './replication-runner.ts';

const DEFAULT_REPLICATION: ReplicationSettings = {
  checkIntervalMs: 1000,
  connectTimeoutMs: 1000,
  commandTimeoutMs: 1000,
  retryMinMs: 50,
  credentials: null,
  localNodesMax: 64,
};

/** The protocol state that a reply depends on. */
export interface ControlSession {
  readonly protocol: 2 | 3;
}

/** The control side of one proxy: its metadata, the roles of its Redis servers, and the admin commands. */
export interface ProxyControl {
  /** The current snapshot. */
  readonly table: RoutingTable;
  /** The listener runs inside SETCLUSTER, after the swap and before the reply. */
  onTableChange(listener: (table: RoutingTable) => void): void;
  /** Starts watching the Redis servers. */
  start(): void;
  /** Stops watching them. Nothing is sent to them on the way out. */
  close(): Promise<void>;
  destroy(): void;
  /**
   * Executes UMCTL, CLUSTER, CONFIG or INFO, `args[0]` being that name, and writes exactly one reply. The
   * arguments are not kept.
   */
  execute(args: readonly Uint8Array[], session: ControlSession, writer: RespWriter): void;
}

/** Creates the control side, without metadata and not yet started. */
export function createProxyControl(options: ProxyControlOptions): ProxyControl {
  const listeners: ((table: RoutingTable) => void)[] = [];
  const settings = { ...DEFAULT_REPLICATION, ...options.replication };
  const { clock, logger, announceAddress } = options;
  const clusterReplies = new ClusterReplies(announceAddress, sha1Hex);
  const state: ControlState = {
    options,
    config: [...options.config, ...FIXED_PARAMETERS],
    localNodesMax: settings.localNodesMax,
    replication: new ReplicationRunner({ ...settings, clock, logger }),
    clusterReplies,
    nodeId: clusterReplies.selfId(),
    table: EMPTY_TABLE,
    replicationEpoch: EPOCH_ZERO,
    isShuttingDown: false,
    setTable(table) {
      state.table = table;
      for (const listener of listeners) listener(table);
    },
  };
  return {
    get table() {
      return state.table;
    },
    onTableChange(listener) {
      listeners.push(listener);
    },
    start() {
      state.replication.start();
    },
    close() {
      state.replication.stop();
      return Promise.resolve();
    },
    destroy() {
      state.replication.stop();
    },
    execute(args, session, writer) {
      execute(state, { args, protocol: session.protocol, writer });
    },
  };
}

function execute(state: ControlState, call: ControlCall): void {
  call.writer.protocol = call.protocol;
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
    default:
      writeError(call.writer, `ERR unknown command '${name ?? ''}'`);
  }
}

function sha1Hex(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
