import type { Command, Invocation } from '../command-line.ts';
import { Inspector } from '../sight/inspector.ts';
import { healthOf, problemsOf, type Snapshot } from '../sight/snapshot.ts';
import { statusTable } from '../sight/status-table.ts';
import { explainRefusals } from './broker-refusal.ts';
import { BROKER_FLAG, brokerTarget, withBroker, type BrokerTarget } from './broker-target.ts';
import { hasColor, NO_CLUSTERS, printJson, printText } from './output.ts';

/** `undermoon status`. */
export const STATUS_COMMAND: Command = {
  name: 'status',
  args: [],
  summary: 'Show the broker, the clusters, and every proxy with its roles, slots and health.',
  flags: [BROKER_FLAG, { name: 'json', doc: 'Print one JSON object' }],
  examples: ['undermoon status', 'undermoon status --broker http://10.0.0.5:7799 --json'],
  run: async (invocation) => {
    const target = brokerTarget(invocation);
    const { version, snapshot } = await explainRefusals(target, () => lookAt(target));
    if (invocation.has('json')) printJson(statusJson(target, version, snapshot));
    else printText(statusText(target, version, snapshot, invocation));
    return 0;
  },
};

function lookAt(target: BrokerTarget): Promise<{ version: string; snapshot: Snapshot }> {
  return withBroker(target, async (broker) => {
    const inspector = new Inspector(broker);
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
    return { name, isHealthy: problems.length === 0, problems };
  });
  const proxies = snapshot.proxies.map((proxy) => ({ ...proxy, health: healthOf(proxy) }));
  return { broker: { url, version }, epoch: snapshot.epoch, clusters, proxies };
}

function statusText(
  { url }: BrokerTarget,
  version: string,
  snapshot: Snapshot,
  invocation: Invocation,
): string {
  const lines = [`broker   ${url} (version ${version})`, `epoch    ${snapshot.epoch}`];
  for (const name of snapshot.clusters) {
    const problems = problemsOf(snapshot, name);
    lines.push(`cluster  ${name}: ${problems.length === 0 ? 'healthy' : problems.join('; ')}`);
  }
  if (snapshot.clusters.length === 0) lines.push(NO_CLUSTERS);
  if (snapshot.proxies.length === 0) lines.push('no proxies are registered yet');
  else lines.push('', statusTable(snapshot, { hasColor: hasColor(invocation.env) }));
  return lines.join('\n');
}
