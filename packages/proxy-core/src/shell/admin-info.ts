import os from 'node:os';
import process from 'node:process';
import { portOf } from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import { renderInfo, type LocalNodeFacts, type ProcessFacts } from '../core/info.ts';
import { offsetOf, proxyRoleOf } from '../core/proxy-role.ts';
import type { ControlCall, ControlState } from './control-state.ts';
import { wordAt } from './admin-words.ts';
import type { ReplicationStatus } from './replication-runner.ts';

/** INFO. */
export function executeInfo(state: ControlState, { args, writer, session }: ControlCall): void {
  const { options, table } = state;
  const sections = args.slice(1).map((_, i) => wordAt(args, i + 1) ?? '');
  const statuses = state.replication.statuses();
  const text = renderInfo(
    {
      version: options.version,
      nodeId: state.nodeId,
      port: portOf(options.announceAddress),
      clusterName: table.clusterName ?? '',
      epoch: table.epoch,
      replicationEpoch: state.replicationEpoch,
      isClusterOk: state.clusterReplies.coveredCount(table) === SLOT_COUNT,
      isPlain: session.isPlain,
      keyspace: session.fromServers.filter(([name]) => isKeyspace(name)),
      told: session.fromServers.filter(([name]) => !isKeyspace(name)),
      role: proxyRoleOf(statuses, session),
      stats: options.stats(),
      process: processFacts(),
      localNodes: statuses.map(localNodeFacts),
    },
    sections,
  );
  writer.verbatim('txt', text);
}

function processFacts(): ProcessFacts {
  const memory = process.memoryUsage();
  const cpu = process.cpuUsage();
  return {
    processId: process.pid,
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    usedMemoryBytes: memory.heapUsed + memory.external,
    residentMemoryBytes: memory.rss,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    systemMemoryBytes: os.totalmem(),
    executable: process.argv[1] ?? process.execPath,
    cpuSystemSeconds: cpu.system / 1e6,
    cpuUserSeconds: cpu.user / 1e6,
  };
}

/** One server in the words that INFO and UMCTL INFOREPL share. */
export function localNodeFacts({ wanted, observed, health }: ReplicationStatus): LocalNodeFacts {
  return {
    address: wanted.nodeAddress,
    role: wanted.role,
    observedRole: observed.kind,
    link: observed.kind === 'replica' ? observed.link : 'none',
    offset: offsetOf(observed),
    health,
  };
}

/** Of the lines that the servers told, those about their keys. */
function isKeyspace(name: string): boolean {
  return name.startsWith('db');
}
