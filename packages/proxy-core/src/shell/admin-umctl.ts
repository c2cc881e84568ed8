import type { Buffer } from 'node:buffer';
import { encodeMigrationTask, parseMigrationTask } from '@undermoon/cluster-meta';
import type { RespWriter } from '@undermoon/resp';
import { writeNodeSlots } from '../core/replica-slots.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { ControlCall, ControlState } from './control-state.ts';
import { localNodeFacts } from './admin-info.ts';
import { setCluster, setRepl } from './admin-metadata.ts';
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
      return writeInfo(
        state,
        writer,
        state.clusterReplies.bytesOf(state.table, 'METADATA', call.session.protocol),
      );
    case 'INFOREPL':
      return writeInfoRepl(state, writer);
    case 'INFOMGR':
      writer.array(0);
      return;
    case 'NODESLOTS':
      return writeNodeSlots(writer, state.table);
    case 'LISTCLUSTER':
      writer.array(1).bulk(state.table.clusterName ?? '');
      return;
    case 'STATS':
      return writeStats(writer);
    case 'SHUTDOWN':
      return shutDown(state, writer);
    case 'CANCELMGR':
      return cancelMigration(state, call);
    case 'PRECHECK':
    case 'PRESWITCH':
    case 'FINALSWITCH':
      return refuseSwitch(call);
    default:
      writeError(writer, 'Invalid sub command');
  }
}

/**
 * Ready: all local servers are replicas, or some local slots are not on their way out. The reply tells
 * an operator when the next proxy may be restarted.
 */
function isReady(state: ControlState): boolean {
  const roles = state.replication.statuses().map(({ wanted }) => wanted.role);
  if (roles.length > 0 && !roles.includes('master')) return true;
  const local = state.table.meta?.local ?? null;
  if (local === null) return false;
  for (let item = 0; item < local.length; item++) {
    if (local.tagOf(item).kind !== 'migrating') return true;
  }
  return false;
}

/** UMCTL INFO; `metadata` is what the table alone decides on. */
export function writeInfo(state: ControlState, writer: RespWriter, metadata: Buffer): void {
  writer.raw(metadata);
  writer.bulk('Replication');
  writeInfoRepl(state, writer);
  writer
    .bulk('Migration')
    .array(1)
    .bulk(`name: ${state.table.clusterName ?? ''}`);
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
      `missed_ms:${status.missedMs}`,
      `copied_ms:${status.copiedMs}`,
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

/**
 * The broker wants a migration given up that has this proxy as its source. This proxy runs none, so it never
 * hands the slots of one over.
 */
function cancelMigration({ table }: ControlState, { args, writer }: ControlCall): void {
  const words = wordsFrom(args, 2);
  const task = typeof words === 'number' ? null : parseMigrationTask(words.join(' '));
  if (task === null || !task.ok) return writeError(writer, 'failed to parse the migration');
  const isOwn = isMigratingHere(table, encodeMigrationTask(task.value));
  if (isOwn) writer.simple('CANCELLED');
  else writer.error('TASK_NOT_FOUND');
}

/** Whether the metadata has this task with this proxy as its source. */
function isMigratingHere({ clusterName, meta }: RoutingTable, task: string): boolean {
  if (clusterName === null || meta === null) return false;
  const { local } = meta;
  for (let item = 0; item < local.length; item++) {
    if (local.tagOf(item).kind !== 'migrating') continue;
    if (encodeMigrationTask({ clusterName, slots: local.slotsOf(item) }) === task) return true;
  }
  return false;
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
