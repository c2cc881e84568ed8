import { type Epoch, hostOf, type NodeAddress, portOf } from '@undermoon/cluster-meta';
import type { ConnectedReplica, ProxyRole } from './proxy-role.ts';

/** The Redis version whose behaviour towards clients the proxy follows. */
export const REDIS_VERSION = '7.2.0';

/** A Redis server behind the proxy, as its data connections see it. */
export interface BackendStats {
  readonly address: NodeAddress;
  readonly state: 'up' | 'connecting' | 'idle';
  readonly connectionCount: number;
  /** Commands sent or queued whose replies are still owed. */
  readonly pendingCount: number;
}

/** Connections to Redis servers that single clients have for themselves. */
export interface DedicatedStats {
  readonly leasedCount: number;
  readonly idleCount: number;
  /** Clients whose command waits on its server. */
  readonly blockedCount: number;
  /** Clients that track keys. */
  readonly trackingCount: number;
  /** Leases refused because there were too many, since the start. */
  readonly refusedCount: number;
}

/** Nobody has one. */
export const NO_DEDICATED: DedicatedStats = {
  leasedCount: 0,
  idleCount: 0,
  blockedCount: 0,
  trackingCount: 0,
  refusedCount: 0,
};

/** Publish and subscribe. */
export interface PubsubStats {
  /** Channels, patterns and shard channels that clients subscribed to; once for each event loop. */
  readonly channelCount: number;
  readonly patternCount: number;
  readonly shardChannelCount: number;
  /** Clients with subscriptions. */
  readonly clientCount: number;
  /** Connections to servers and other proxies for this, and those of them that are up. */
  readonly linkCount: number;
  readonly readyLinkCount: number;
}

/** Nobody subscribed. */
export const NO_PUBSUB: PubsubStats = {
  channelCount: 0,
  patternCount: 0,
  shardChannelCount: 0,
  clientCount: 0,
  linkCount: 0,
  readyLinkCount: 0,
};

/** What became of commands when connections to Redis servers broke or could not be made. */
export interface LossStats {
  /** Never written then, and sent when there was a connection again. */
  readonly retriedCount: number;
  /** Read-only ones whose replies were lost, and that were sent again. */
  readonly resentCount: number;
  /** Answered with an error that says that they may have been executed. */
  readonly lostCount: number;
  /** Answered with an error because their server could not be reached. */
  readonly unreachableCount: number;
}

/** What is counted as it happens. */
export interface CounterStats {
  readonly commandsProcessed: number;
  readonly errorReplies: number;
  readonly netInputBytes: number;
  readonly netOutputBytes: number;
  /** Clients closed for what they sent or did not take. */
  readonly clientsOverInput: number;
  readonly clientsOverOutput: number;
  readonly loginsDenied: number;
  /** Links that broke, and messages that were too long. */
  readonly pubsubLinksLost: number;
  readonly pubsubMessagesDropped: number;
  /** How often requests were gathered in a pause. */
  readonly requestPauses: number;
  readonly losses: LossStats;
}

/** Figures of the data plane, all since the start or the last CONFIG RESETSTAT. */
export interface ProxyStats extends CounterStats {
  readonly uptimeSeconds: number;
  readonly connectedClients: number;
  readonly dedicated: DedicatedStats;
  readonly connectionsMax: number;
  readonly connectionsReceived: number;
  readonly connectionsRejected: number;
  readonly pubsub: PubsubStats;
  readonly limits: readonly (readonly [name: string, value: number])[];
  readonly backends: readonly BackendStats[];
  /** Clients now, by event loop. */
  readonly loopClients: readonly number[];
}

/** The process that runs the proxy. */
export interface ProcessFacts {
  readonly processId: number;
  readonly os: string;
  readonly usedMemoryBytes: number;
  readonly residentMemoryBytes: number;
  readonly peakMemoryBytes: number;
  readonly systemMemoryBytes: number;
  /** The program. */
  readonly executable: string;
  readonly cpuSystemSeconds: number;
  readonly cpuUserSeconds: number;
}

/** A Redis server beside the proxy: the wanted role against the observed one. */
export interface LocalNodeFacts {
  readonly address: NodeAddress;
  readonly role: string;
  readonly observedRole: string;
  readonly link: string;
  readonly offset: number;
  readonly health: string;
}

/** Lines of a section. */
export type Fields = readonly (readonly [name: string, value: string | number])[];

/** Everything INFO shows. */
export interface InfoFacts {
  readonly version: string;
  readonly nodeId: string;
  readonly port: number;
  readonly clusterName: string;
  readonly epoch: Epoch;
  readonly replicationEpoch: Epoch;
  readonly isClusterOk: boolean;
  /** The asker sees one Redis server, not a cluster. */
  readonly isPlain: boolean;
  /** The lines of the section of that name. */
  readonly keyspace: Fields;
  /** What others had to be asked for: limits of the servers, and channels that are counted once for all loops. */
  readonly told: Fields;
  readonly role: ProxyRole;
  readonly stats: ProxyStats;
  readonly process: ProcessFacts;
  readonly localNodes: readonly LocalNodeFacts[];
}

type Section = { readonly title: string; readonly fields: (facts: InfoFacts) => Fields };

const SECTIONS: readonly Section[] = [
  { title: 'Server', fields: serverFields },
  { title: 'Clients', fields: clientFields },
  { title: 'Memory', fields: memoryFields },
  { title: 'Persistence', fields: persistenceFields },
  { title: 'Stats', fields: statsFields },
  { title: 'Replication', fields: replicationFields },
  { title: 'CPU', fields: cpuFields },
  { title: 'Cluster', fields: ({ isPlain }) => [['cluster_enabled', isPlain ? 0 : 1]] },
  { title: 'Keyspace', fields: ({ keyspace }) => keyspace },
  { title: 'Undermoon', fields: undermoonFields },
  { title: 'Limits', fields: ({ stats }) => stats.limits },
];

/** The text of INFO. Without a section, or with `default`, `all` or `everything`, it is all of them. */
export function renderInfo(facts: InfoFacts, sections: readonly string[]): string {
  const wanted = new Set(sections.map((section) => section.toLowerCase()));
  const isWhole =
    wanted.size === 0 || ['default', 'all', 'everything'].some((name) => wanted.has(name));
  return SECTIONS.filter(({ title }) => isWhole || wanted.has(title.toLowerCase()))
    .map(({ title, fields }) => {
      const lines = fields(facts).map(([name, value]) => `${name}:${value}\r\n`);
      return `# ${title}\r\n${lines.join('')}`;
    })
    .join('\r\n');
}

function serverFields(facts: InfoFacts): Fields {
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_mode', facts.isPlain ? 'standalone' : 'cluster'],
    ['os', facts.process.os],
    ['arch_bits', 64],
    ['multiplexing_api', 'libuv'],
    ['process_id', facts.process.processId],
    ['run_id', facts.nodeId],
    ['tcp_port', facts.port],
    ['uptime_in_seconds', facts.stats.uptimeSeconds],
    ['uptime_in_days', Math.floor(facts.stats.uptimeSeconds / 86_400)],
    ['executable', facts.process.executable],
    ['config_file', ''],
    ['io_threads_active', facts.stats.loopClients.length > 1 ? 1 : 0],
  ];
}

function clientFields({ stats }: InfoFacts): Fields {
  return [
    ['connected_clients', stats.connectedClients],
    ['maxclients', stats.connectionsMax],
    ['blocked_clients', stats.dedicated.blockedCount],
    ['tracking_clients', stats.dedicated.trackingCount],
    ['pubsub_clients', stats.pubsub.clientCount],
  ];
}

function memoryFields({ process, told }: InfoFacts): Fields {
  return [
    ['used_memory', process.usedMemoryBytes],
    ['used_memory_human', mebibytes(process.usedMemoryBytes)],
    ['used_memory_rss', process.residentMemoryBytes],
    ['used_memory_rss_human', mebibytes(process.residentMemoryBytes)],
    ['used_memory_peak', process.peakMemoryBytes],
    ['used_memory_peak_human', mebibytes(process.peakMemoryBytes)],
    ['used_memory_dataset', 0],
    ['total_system_memory', process.systemMemoryBytes],
    ['total_system_memory_human', mebibytes(process.systemMemoryBytes)],
    ...limitFields(new Map(told)),
  ];
}

/** Nothing is better than a guess: clients warn their users if entries may be evicted. */
function limitFields(told: ReadonlyMap<string, string | number>): Fields {
  const policy = told.get('maxmemory_policy');
  const limit = Number(told.get('maxmemory') ?? 0);
  if (policy === undefined) return [];
  return [
    ['maxmemory', limit],
    ['maxmemory_human', limit === 0 ? '0B' : mebibytes(limit)],
    ['maxmemory_policy', policy],
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(2)}M`;
}

/** The proxy keeps no data; clients wait until `loading` is 0. */
function persistenceFields(): Fields {
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_bgsave_status', 'ok'],
    ['aof_enabled', 0],
    ['aof_rewrite_in_progress', 0],
  ];
}

function statsFields({ stats, told }: InfoFacts): Fields {
  const once = new Map(told);
  const { pubsub } = stats;
  return [
    ['total_connections_received', stats.connectionsReceived],
    ['total_commands_processed', stats.commandsProcessed],
    ['total_net_input_bytes', stats.netInputBytes],
    ['total_net_output_bytes', stats.netOutputBytes],
    ['rejected_connections', stats.connectionsRejected],
    ['total_error_replies', stats.errorReplies],
    ['acl_access_denied_auth', stats.loginsDenied],
    ['client_query_buffer_limit_disconnections', stats.clientsOverInput],
    ['client_output_buffer_limit_disconnections', stats.clientsOverOutput],
    ['pubsub_channels', once.get('pubsub_channels') ?? pubsub.channelCount],
    ['pubsub_patterns', once.get('pubsub_patterns') ?? pubsub.patternCount],
    ['pubsubshard_channels', once.get('pubsubshard_channels') ?? pubsub.shardChannelCount],
  ];
}

/** As ROLE says it; the servers behind the proxy are under "Undermoon". */
function replicationFields({ nodeId, role }: InfoFacts): Fields {
  const isMaster = role.kind === 'master';
  return [
    ['role', isMaster ? 'master' : 'slave'],
    ...(isMaster ? [] : followedFields(role)),
    ['connected_slaves', isMaster ? role.connectedCount : 0],
    ...(isMaster ? role.connected.map(replicaField) : []),
    ['master_replid', nodeId],
    ['master_repl_offset', Math.max(0, role.offset)],
    ['repl_backlog_active', 0],
  ];
}

/** How long ago a replica said so is not known. */
function replicaField(
  { proxy, offset }: ConnectedReplica,
  index: number,
): readonly [string, string] {
  const value = `ip=${hostOf(proxy)},port=${portOf(proxy)},state=online,offset=${offset},lag=0`;
  return [`slave${index}`, value];
}

function followedFields(role: Extract<ProxyRole, { kind: 'replica' }>): Fields {
  const { followed, isLinkUp, isSyncing, offset } = role;
  return [
    ['master_host', hostOf(followed)],
    ['master_port', portOf(followed)],
    ['master_link_status', isLinkUp ? 'up' : 'down'],
    ['master_sync_in_progress', isSyncing ? 1 : 0],
    ['slave_repl_offset', Math.max(0, offset)],
    ['slave_read_only', 1],
  ];
}

function cpuFields({ process }: InfoFacts): Fields {
  return [
    ['used_cpu_sys', process.cpuSystemSeconds.toFixed(6)],
    ['used_cpu_user', process.cpuUserSeconds.toFixed(6)],
  ];
}

function undermoonFields(facts: InfoFacts): Fields {
  const { dedicated, losses, pubsub } = facts.stats;
  return [
    ['undermoon_version', facts.version],
    ['node_id', facts.nodeId],
    ['cluster_name', facts.clusterName],
    ['cluster_state', facts.isClusterOk ? 'ok' : 'fail'],
    ['epoch', facts.epoch],
    ['replication_epoch', facts.replicationEpoch],
    ...facts.localNodes.map(localNodeField),
    ['dedicated_connections', dedicated.leasedCount + dedicated.idleCount],
    ['dedicated_connections_idle', dedicated.idleCount],
    ['dedicated_connections_refused', dedicated.refusedCount],
    ['pubsub_links', pubsub.linkCount],
    ['pubsub_links_up', pubsub.readyLinkCount],
    ['pubsub_links_lost', facts.stats.pubsubLinksLost],
    ['pubsub_messages_dropped', facts.stats.pubsubMessagesDropped],
    ['request_pauses', facts.stats.requestPauses],
    ['backend_commands_retried', losses.retriedCount],
    ['backend_commands_resent', losses.resentCount],
    ['backend_commands_lost', losses.lostCount],
    ['backend_commands_unreachable', losses.unreachableCount],
    ...facts.stats.backends.map(backendField),
    ...facts.stats.loopClients.map((count, i) => [`loop${i}`, `clients=${count}`] as const),
  ];
}

function localNodeField(node: LocalNodeFacts, index: number): readonly [string, string] {
  const { address, role, observedRole, link, offset, health } = node;
  return [
    `node${index}`,
    `address=${address},role=${role},observed_role=${observedRole},link=${link},offset=${offset},state=${health}`,
  ];
}

function backendField(backend: BackendStats, index: number): readonly [string, string] {
  const { address, state, connectionCount, pendingCount } = backend;
  return [
    `backend${index}`,
    `address=${address},state=${state},connections=${connectionCount},pending=${pendingCount}`,
  ];
}
