import type { ClusterName } from '@undermoon/cluster-meta';

import type { Command, Invocation } from '../command-line.ts';
import { Inspector, type Logins } from '../sight/inspector.ts';
import {
  brokerProblemOf,
  healthOf,
  movesOf,
  problemsOf,
  type Snapshot,
} from '../sight/snapshot.ts';
import { statusTable } from '../sight/status-table.ts';
import { explainRefusals } from './broker-refusal.ts';
import { BROKER_FLAGS, brokerTarget, withBroker, type BrokerTarget } from './broker-target.ts';
import { loginsOf } from './logins.ts';
import { hasColor, NO_CLUSTERS, NO_PROXIES, printJson, printText } from './output.ts';

/** `undermoon status`. */
export const STATUS_COMMAND: Command = {
  name: 'status',
  args: [],
  summary: 'Show the broker, the clusters and their problems, and every proxy.',
  details:
    'It asks the broker, every proxy and every Redis server, and lists shards, roles, slots and health.',
  flags: BROKER_FLAGS,
  examples: ['undermoon status', 'undermoon status --broker http://10.0.0.5:7799 --json'],
  run: async (invocation) => {
    const target = brokerTarget(invocation);
    const { version, snapshot } = await explainRefusals(target, () =>
      lookAt(target, loginsOf(invocation.env)),
    );
    if (invocation.has('json')) printJson(statusJson(target, version, snapshot));
    else printText(statusText(target, version, snapshot, invocation));
    return 0;
  },
};

function lookAt(
  target: BrokerTarget,
  logins: Logins,
): Promise<{ version: string; snapshot: Snapshot }> {
  return withBroker(target, async (broker) => {
    const inspector = new Inspector(broker, logins);
    try {
      const [version, snapshot] = await Promise.all([broker.version(), inspector.look()]);
      return { version, snapshot };
    } finally {
      inspector.close();
    }
  });
}

function statusJson({ url }: BrokerTarget, version: string, snapshot: Snapshot): unknown {
  const clusters = snapshot.clusters.map((name) => {
    const problems = problemsOf(snapshot, name);
    return { name, isHealthy: problems.length === 0, problems, moves: movesOf(snapshot, name) };
  });
  const proxies = snapshot.proxies.map((proxy) => ({ ...proxy, health: healthOf(proxy) }));
  const problem = brokerProblemOf(snapshot);
  return { broker: { url, version, problem }, epoch: snapshot.epoch, clusters, proxies };
}

function statusText(
  { url }: BrokerTarget,
  version: string,
  snapshot: Snapshot,
  invocation: Invocation,
): string {
  const lines = [`broker   ${url} (version ${version})`, `epoch    ${snapshot.epoch}`];
  const brokerProblem = brokerProblemOf(snapshot);
  if (brokerProblem !== null) lines.push(`         ${brokerProblem}`);
  for (const name of snapshot.clusters) {
    lines.push(...clusterLines(snapshot, name));
  }
  if (snapshot.clusters.length === 0) lines.push(NO_CLUSTERS);
  for (const { address, isFailed, epoch } of snapshot.proxies) {
    if (!isFailed) continue;
    const state = epoch === null ? 'it does not answer' : 'it answers again';
    lines.push(
      `failed   ${address}: ${state}; it is not used until "undermoon proxy add ${address}"`,
    );
  }
  if (snapshot.proxies.length === 0) lines.push(NO_PROXIES);
  else lines.push('', statusTable(snapshot, { hasColor: hasColor(invocation.env) }));
  return lines.join('\n');
}

function clusterLines(snapshot: Snapshot, name: ClusterName): string[] {
  const problems = problemsOf(snapshot, name);
  const [only, ...others] = problems;
  const indent = ' '.repeat('cluster  '.length);
  const lines =
    others.length > 0
      ? [`${name}: ${problems.length} problems`, ...problems.map((text) => `${indent}- ${text}`)]
      : [`${name}: ${only ?? 'healthy'}`];
  const moves = movesOf(snapshot, name);
  if (moves.length > 0) {
    const slotCount = moves.reduce((sum, move) => sum + move.slotCount, 0);
    lines.push(
      `${indent}${slotCount} slots are being moved: "undermoon cluster migrations ${name}" shows more`,
    );
  }
  return [`cluster  ${lines[0]}`, ...lines.slice(1)];
}
