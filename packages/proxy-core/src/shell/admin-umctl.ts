import {
  hostOf,
  parseMigrationTask,
  parseSetCluster,
  parseSetRepl,
  type AddressSlots,
  type NodeAddress,
  type TaggedSlots,
} from '@undermoon/cluster-meta';
import type { RespWriter } from '@undermoon/resp';
import { checkGate, type GateRefusal } from '../core/epoch-gate.ts';
import { buildRoutingTable } from '../core/routing-table.ts';
import type { ControlCall, ControlState } from './control-state.ts';
import { localNodeFacts } from './admin-info.ts';
import { wordAt, wordsFrom, writeError } from './admin-words.ts';

/** Names of the migration counters in the original's order. */
const MIGRATION_COUNTERS: readonly string[] = [
  'migrating_src_redis_conn',
  'migrating_dst_redis_conn',
  'migrating_active_sync_lock_success',
  'migrating_active_sync_lock_failed',
  'migrating_scan_lock_success',
  'migrating_scan_lock_failed',
  'importing_blocking_migration_commands',
  'importing_non_blocking_migration_commands',
  'importing_umsync_lock_success',
  'importing_umsync_lock_failed',
  'importing_umsync_lock_failed_again',
  'importing_umsync_failed',
  'importing_dst_key_existed',
  'importing_dst_key_not_existed',
  'importing_lock_success',
  'importing_lock_failed',
  'importing_resend_exists',
  'importing_resend_exists_failed',
  'importing_lock_loop_retry',
  'importing_src_key_existed',
  'importing_src_key_not_existed',
  'importing_src_failed',
];

/** UMCTL: what coordinators, brokers, operators and other proxies say to a proxy. */
export function executeUmctl(state: ControlState, call: ControlCall): void {
  const { args, writer } = call;
  if (args.length < 2) return writeError(writer, 'Missing sub command');
  const name = wordAt(args, 1)?.toUpperCase();
  switch (name) {
    case 'SETCLUSTER':
      return setCluster(state, call);
    case 'SETREPL':
      return setRepl(state, call);
    case 'GETEPOCH':
      writer.integer(state.table.epoch);
      return;
    case 'READY':
      writer.integer(isReady(state) ? 1 : 0);
      return;
    case 'INFO':
      return writeInfo(state, writer);
    case 'INFOREPL':
      return writeInfoRepl(state, writer);
    case 'INFOMGR':
      writer.array(0);
      return;
    case 'LISTCLUSTER':
      writer.array(1).bulk(state.table.clusterName ?? '');
      return;
    case 'STATS':
      return writeStats(writer);
    case 'SHUTDOWN':
      return shutDown(state, writer);
    case 'PRECHECK':
    case 'PRESWITCH':
    case 'FINALSWITCH':
      return refuseSwitch(call);
    default:
      writeError(writer, 'Invalid sub command');
  }
}

function setCluster(state: ControlState, { args, writer }: ControlCall): void {
  const words = wordsFrom(args, 2);
  if (typeof words === 'number') {
    return writeError(writer, `Failed to parse args: InvalidArgs: word ${words}: not UTF-8`);
  }
  const parsed = parseSetCluster(words);
  if (!parsed.ok) {
    return writeError(writer, `Failed to parse args: ${parsed.code}: ${parsed.message}`);
  }
  const command = parsed.value;
  const { announceAddress, logger } = state.options;
  const { epoch, force, clusterName } = command;
  const refusal = checkGate(
    { epoch, force, localAddresses: command.local.map(({ address }) => address) },
    { epoch: state.table.epoch, announceAddress },
  );
  if (refusal !== null) return refuse(state, writer, refusal);
  state.setTable(buildRoutingTable(command, announceAddress));
  logger.info({ epoch, clusterName, force }, 'accepted cluster metadata');
  if (command.configWarning === null) {
    writer.simple('OK');
  } else {
    logger.warn({ epoch, reason: command.configWarning }, 'ignored invalid cluster config');
    writer.simple('WARNING: ignored invalid config');
  }
}

function setRepl(state: ControlState, { args, writer }: ControlCall): void {
  const words = wordsFrom(args, 2);
  if (typeof words === 'number') {
    return writeError(writer, `Invalid arguments: word ${words}: not UTF-8`);
  }
  const parsed = parseSetRepl(words);
  if (!parsed.ok) return writeError(writer, `Invalid arguments: ${parsed.message}`);
  const { epoch, force, entries } = parsed.value;
  if (entries.length > state.localNodesMax) {
    const text = `${entries.length} nodes: at most ${state.localNodesMax} (localNodesMax)`;
    return writeError(writer, `Invalid arguments: ${text}`);
  }
  const refusal = checkGate(
    { epoch, force, localAddresses: entries.map(({ nodeAddress }) => nodeAddress) },
    { epoch: state.replicationEpoch, announceAddress: state.options.announceAddress },
  );
  if (refusal !== null) return refuse(state, writer, refusal);
  state.replicationEpoch = epoch;
  state.replication.apply(entries);
  state.clusterReplies.setRoles(entries);
  state.options.logger.info({ epoch, force }, 'accepted replication metadata');
  writer.simple('OK');
}

function refuse(state: ControlState, writer: RespWriter, refusal: GateRefusal): void {
  if (refusal === 'ERR_NOT_MY_META') {
    const announceHost = hostOf(state.options.announceAddress);
    state.options.logger.warn({ announceHost }, 'refused metadata for servers of another host');
  }
  writer.error(refusal);
}

/**
 * Ready: all local servers are replicas, or some local slots are not on their way out. The reply tells
 * an operator when the next proxy may be restarted.
 */
function isReady(state: ControlState): boolean {
  const roles = state.replication.statuses().map(({ wanted }) => wanted.role);
  if (roles.length > 0 && !roles.includes('master')) return true;
  const slots = state.table.meta?.local.flatMap((node) => node.slots) ?? [];
  return slots.some(({ tag }) => tag.kind !== 'migrating');
}

function writeInfo(state: ControlState, writer: RespWriter): void {
  const { table } = state;
  const name = table.clusterName ?? '';
  const local = groupByAddress(table.meta?.local ?? []);
  const peers = groupByAddress(table.meta?.peers ?? []);
  writer.array(6).bulk('Cluster').array(5).bulk(name);
  writer.bulk('local').array(3 + local.size);
  writer.bulk(`name: ${name}`).bulk(`epoch: ${table.epoch}`).bulk('nodes:');
  for (const [address, slots] of local) writeNode(writer, address, slots);
  writer
    .bulk('peer')
    .array(1 + peers.size)
    .bulk('peers:');
  for (const [address, slots] of peers) writeNode(writer, address, slots);
  writer.bulk('Replication');
  writeInfoRepl(state, writer);
  writer.bulk('Migration').array(1).bulk(`name: ${name}`);
}

function groupByAddress(nodes: readonly AddressSlots[]): Map<NodeAddress, TaggedSlots[]> {
  const groups = new Map<NodeAddress, TaggedSlots[]>();
  for (const { address, slots } of nodes) {
    const group = groups.get(address);
    if (group === undefined) groups.set(address, [...slots]);
    else group.push(...slots);
  }
  return groups;
}

function writeNode(writer: RespWriter, address: NodeAddress, slots: readonly TaggedSlots[]): void {
  writer.array(2).bulk(address).array(slots.length);
  for (const { ranges, tag } of slots) {
    const list = [ranges.length, ...ranges.map(([start, end]) => `${start}-${end}`)].join(' ');
    if (tag.kind === 'none') {
      writer.array(1).bulk(list);
      continue;
    }
    const { meta } = tag;
    writer.array(6).bulk(String(meta.epoch));
    writer.bulk(`src_proxy: ${meta.srcProxyAddress}`).bulk(`src_node: ${meta.srcNodeAddress}`);
    writer.bulk(`dst_proxy: ${meta.dstProxyAddress}`).bulk(`dst_node: ${meta.dstNodeAddress}`);
    writer.bulk(list);
  }
}

/** The original's lines first, then what the servers say about themselves. */
function writeInfoRepl(state: ControlState, writer: RespWriter): void {
  const statuses = state.replication.statuses();
  writer.array(statuses.length);
  for (const status of statuses) {
    const { clusterName, role, nodeAddress, peers } = status.wanted;
    const peerWord = role === 'master' ? 'replica' : 'master';
    const facts = localNodeFacts(status);
    const lines = [
      `cluster:${clusterName ?? ''}`,
      `role:${role}`,
      `node_address:${nodeAddress}`,
      ...peers.map((peer) => `${peerWord}:${peer.nodeAddress}@${peer.proxyAddress}`),
      `observed_role:${facts.observedRole}`,
      `link:${facts.link}`,
      `offset:${facts.offset}`,
      `state:${facts.health}`,
    ];
    writer.array(lines.length);
    for (const line of lines) writer.bulk(`${line}\n`);
  }
}

/** No migration runs in this proxy, so nothing was ever counted. */
function writeStats(writer: RespWriter): void {
  writer.array(1 + MIGRATION_COUNTERS.length).bulk('# Migration');
  for (const counter of MIGRATION_COUNTERS) writer.bulk(`${counter}: 0`);
}

function shutDown(state: ControlState, writer: RespWriter): void {
  if (state.isShuttingDown) return writeError(writer, 'failed to send shutdown');
  state.isShuttingDown = true;
  writer.simple('OK');
  state.options.onShutdown();
}

/** A peer asks this proxy to take part in a migration; it has no such task. */
function refuseSwitch({ args, writer }: ControlCall): void {
  const words = wordsFrom(args, 3);
  const task = typeof words === 'number' ? null : parseMigrationTask(words.join(' '));
  if (task === null || !task.ok) {
    return writeError(writer, 'failed to parse migration switch arguments');
  }
  writer.error('TASK_NOT_FOUND');
}
