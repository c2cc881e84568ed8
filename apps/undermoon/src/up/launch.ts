import { BrokerClientError, type BrokerClient } from '@undermoon/broker-api/client';

import { CommandError } from '../errors.ts';
import type { Inspector } from '../sight/inspector.ts';
import { NodeProbe } from '../sight/node-probe.ts';
import { problemsOf } from '../sight/snapshot.ts';
import type { SpecFactory } from './child-specs.ts';
import type { Child } from './child.ts';
import { PROOF_KEY_COUNT, proveCluster } from './cluster-proof.ts';
import type { ClusterPlan, PlannedProcess, PlannedProxy } from './plan.ts';
import { waitUntilComplete, type Deadline } from './readiness.ts';
import type { Supervisor } from './supervisor.ts';

/** What a start needs. */
export interface LaunchParts {
  readonly plan: ClusterPlan;
  readonly specs: SpecFactory;
  readonly supervisor: Supervisor;
  readonly broker: BrokerClient;
  readonly inspector: Inspector;
  readonly deadline: Deadline;
  /** Told of each step. */
  readonly progress: (text: string) => void;
}

/** The processes of a cluster that was started. */
export interface LaunchedCluster {
  readonly broker: Child;
  readonly coordinators: readonly Child[];
  readonly proxies: readonly LaunchedProxy[];
}

/** A proxy with its Redis servers. */
export interface LaunchedProxy {
  readonly plan: PlannedProxy;
  readonly child: Child;
  readonly redis: readonly [Child, Child];
}

/**
 * Starts every process of a plan and makes the cluster out of them, up to the proof that it works. Stops
 * nothing when it fails; that is for the supervisor's owner.
 */
export async function launch(parts: LaunchParts): Promise<LaunchedCluster> {
  // A process that ends fails the start at once, whatever is being waited for.
  return Promise.race([launchSteps(parts), parts.supervisor.failed]);
}

async function launchSteps(parts: LaunchParts): Promise<LaunchedCluster> {
  const { plan, supervisor, specs, progress } = parts;
  const redisCount = plan.proxies.length * 2;
  progress(`starting ${redisCount} Redis servers, ${plan.proxies.length} proxies and the broker`);
  const broker = supervisor.start(specs.broker());
  const proxies = plan.proxies.map((entry) => startProxy(parts, entry));
  await Promise.all([
    broker.ready,
    ...proxies.map(({ child }) => child.ready),
    ...plan.proxies.flatMap(({ redis }) =>
      redis.map((process) => redisIsReady(process, parts.deadline)),
    ),
  ]);
  progress('registering the proxies and creating the cluster');
  const coordinators = plan.coordinators.map((process) =>
    supervisor.start(specs.coordinator(process)),
  );
  await createCluster(parts);
  await Promise.all(coordinators.map(({ ready }) => ready));
  progress('waiting until every slot is served and every replica is in sync');
  await clusterIsWhole(parts);
  progress(`writing and reading ${PROOF_KEY_COUNT} keys`);
  await proveCluster(await firstMember(parts));
  return { broker, coordinators, proxies };
}

function startProxy({ supervisor, specs }: LaunchParts, plan: PlannedProxy): LaunchedProxy {
  const [first, second] = plan.redis;
  const redis = [
    supervisor.start(specs.redis(first)),
    supervisor.start(specs.redis(second)),
  ] as const;
  return { plan, redis, child: supervisor.start(specs.proxy(plan)) };
}

async function redisIsReady({ address, name }: PlannedProcess, deadline: Deadline): Promise<void> {
  const probe = new NodeProbe(address);
  try {
    await waitUntilComplete({
      deadline,
      missing: async () =>
        (await probe.ask('PING')) === 'PONG' ? [] : [`${name} (${address}) does not answer PING`],
    });
  } finally {
    probe.close();
  }
}

async function createCluster({ broker, plan }: LaunchParts): Promise<void> {
  try {
    // One after the other, so that the broker sees them in the order of their hosts.
    for (const { address, replicaAddress, host, redis } of plan.proxies) {
      await broker.addProxy({
        proxyAddress: address,
        nodes: [redis[0].address, redis[1].address],
        host,
        replicaAddress,
      });
    }
    await broker.createCluster(plan.cluster, plan.nodeCount);
  } catch (error) {
    if (!(error instanceof BrokerClientError)) throw error;
    throw new CommandError('BROKER', `the broker did not create the cluster: ${error.message}`, {
      cause: error,
    });
  }
}

async function clusterIsWhole({ inspector, plan, deadline }: LaunchParts): Promise<void> {
  await waitUntilComplete({
    deadline,
    missing: async () => {
      try {
        return problemsOf(await inspector.look(), plan.cluster);
      } catch (error) {
        if (!(error instanceof BrokerClientError)) throw error;
        return [`the broker cannot be asked: ${error.message}`];
      }
    },
  });
}

async function firstMember({ inspector, plan }: LaunchParts): Promise<PlannedProcess['address']> {
  const { proxies } = await inspector.look();
  const member = proxies.find(({ cluster }) => cluster === plan.cluster);
  if (member !== undefined) return member.address;
  throw new CommandError('NOT_READY', `the cluster ${plan.cluster} has lost its proxies`);
}
