import type { BrokerClient } from '@undermoon/broker-api/client';
import { parseClusterName, type ClusterName } from '@undermoon/cluster-meta';

import { usage, wholeNumber, type Invocation } from '../command-line.ts';
import { explainRefusals } from './broker-refusal.ts';
import { brokerTarget, withBroker } from './broker-target.ts';

/** Nodes that can be asked for. */
const NODES_MAX = 100_000;

/** What a command that asks a broker works with. */
export interface Call {
  readonly broker: BrokerClient;
  readonly invocation: Invocation;
}

/** Runs a command against its broker. Returns the exit code 0, or throws a `CommandError`. */
export async function askBroker(
  invocation: Invocation,
  run: (call: Call) => Promise<void>,
): Promise<number> {
  const target = brokerTarget(invocation);
  await explainRefusals(target, () => withBroker(target, (broker) => run({ broker, invocation })));
  return 0;
}

/** The cluster that the first word names. Throws a `CommandError` USAGE when it cannot be a name. */
export function clusterNameOf({ words }: Invocation): ClusterName {
  const name = parseClusterName(words[0]);
  if (name !== null) return name;
  throw usage(
    `name: expected 1 to 31 characters out of A-Z a-z 0-9 @ - _, got ${JSON.stringify(words[0])}`,
  );
}

/** The number of Redis servers in `--nodes`, without which `command` cannot run. */
export function nodesOf(invocation: Invocation, command: string): number {
  if (!invocation.has('nodes')) {
    throw usage(`${command} needs --nodes <number>, a multiple of 4`);
  }
  return wholeNumber(invocation, 'nodes', {
    min: 4,
    max: NODES_MAX,
    otherwise: 4,
    also: 'a multiple of 4',
  });
}
