import {
  parseClusterName,
  parseNodeAddress,
  type ClusterName,
  type NodeAddress,
} from '@undermoon/cluster-meta';

import { CommandError } from '../errors.ts';

/** What the person asks for. */
export interface PlanRequest {
  readonly cluster: string;
  /** Redis servers in the cluster: a multiple of 4. */
  readonly nodeCount: number;
  /** Pairs of proxies, each with two Redis servers, that stand by. */
  readonly sparePairCount: number;
  readonly proxyPort: number;
  readonly brokerPort: number;
}

/** One process to be started. The name is also that of its log file. */
export interface PlannedProcess {
  readonly name: string;
  readonly address: NodeAddress;
}

/** A proxy with its two Redis servers on a host of its own. */
export interface PlannedProxy extends PlannedProcess {
  /** Where clients find it as a replica. */
  readonly replicaAddress: NodeAddress;
  /** The label by which the broker keeps the two halves of a chunk apart. */
  readonly host: string;
  readonly redis: readonly [PlannedProcess, PlannedProcess];
}

/** A port that has to be free, and the option that moves it. */
export interface PlannedPort {
  readonly port: number;
  readonly owner: string;
  readonly option: '--port' | '--broker-port';
}

/** Every process of a local cluster with its address. */
export interface ClusterPlan {
  readonly cluster: ClusterName;
  readonly nodeCount: number;
  readonly broker: PlannedProcess;
  readonly coordinators: readonly PlannedProcess[];
  readonly proxies: readonly PlannedProxy[];
  readonly ports: readonly PlannedPort[];
}

/** How far above the first proxy's port the first Redis server's is. */
const REDIS_PORT_OFFSET = 1000;
/** The same of its port as a replica: above the Redis servers of the largest cluster. */
const REPLICA_PORT_OFFSET = 1800;

const COORDINATOR_COUNT = 2;
const PORT_MAX = 65_535;

/**
 * Lays out a local cluster: who listens where.
 * @throws CommandError USAGE for a wrong name or size, and for ports that meet or leave the range
 */
export function planCluster(request: PlanRequest): ClusterPlan {
  const cluster = parseClusterName(request.cluster);
  if (cluster === null) {
    throw new CommandError(
      'USAGE',
      `--cluster: expected 1 to 31 characters out of A-Z a-z 0-9 @ - _, got ${JSON.stringify(request.cluster)}`,
    );
  }
  if (request.nodeCount <= 0 || request.nodeCount % 4 !== 0) {
    throw new CommandError(
      'USAGE',
      `--nodes: expected a multiple of 4 (two proxies with two Redis servers each), got ${request.nodeCount}`,
    );
  }
  const proxyCount = request.nodeCount / 2 + request.sparePairCount * 2;
  const proxies = Array.from({ length: proxyCount }, (_, index) => plannedProxy(request, index));
  const broker = planned('broker', request.brokerPort);
  const coordinators = plannedCoordinators(request.brokerPort, proxies);
  const plan = { cluster, nodeCount: request.nodeCount, broker, coordinators, proxies };
  const ports = portsOf(plan);
  checkPorts(ports);
  return { ...plan, ports };
}

function plannedProxy(request: PlanRequest, index: number): PlannedProxy {
  const port = request.proxyPort + index;
  const redisPort = request.proxyPort + REDIS_PORT_OFFSET + 2 * index;
  return {
    ...planned(`proxy-${port}`, port),
    replicaAddress: planned(`proxy-${port} as a replica`, port + REPLICA_PORT_OFFSET).address,
    host: `host-${index + 1}`,
    redis: [
      planned(`redis-${redisPort}`, redisPort),
      planned(`redis-${redisPort + 1}`, redisPort + 1),
    ],
  };
}

/** On the next ports after the broker's that no proxy and no Redis server has. */
function plannedCoordinators(
  brokerPort: number,
  proxies: readonly PlannedProxy[],
): readonly PlannedProcess[] {
  const taken = new Set(proxies.flatMap(portsOfProxy).map(({ port }) => port));
  const coordinators: PlannedProcess[] = [];
  for (let port = brokerPort + 1; coordinators.length < COORDINATOR_COUNT; port++) {
    if (!taken.has(port))
      coordinators.push(planned(`coordinator-${coordinators.length + 1}`, port));
  }
  return coordinators;
}

function planned(name: string, port: number): PlannedProcess {
  const address = parseNodeAddress(`127.0.0.1:${port}`);
  if (address !== null) return { name, address };
  throw new CommandError(
    'USAGE',
    `${name} would listen on port ${port}: the last port is ${PORT_MAX}`,
  );
}

function portsOf(plan: Omit<ClusterPlan, 'ports'>): PlannedPort[] {
  const control = [plan.broker, ...plan.coordinators].map((process) =>
    portOf(process, '--broker-port'),
  );
  return [...control, ...plan.proxies.flatMap(portsOfProxy)];
}

function portsOfProxy(proxy: PlannedProxy): PlannedPort[] {
  const { name, replicaAddress, redis } = proxy;
  const replica = { name: `${name} as a replica`, address: replicaAddress };
  return [proxy, ...redis, replica].map((process) => portOf(process, '--port'));
}

function portOf(process: PlannedProcess, option: PlannedPort['option']): PlannedPort {
  return { port: portNumberOf(process), owner: process.name, option };
}

function portNumberOf({ address }: PlannedProcess): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

function checkPorts(ports: readonly PlannedPort[]): void {
  const owners = new Map<number, PlannedPort>();
  for (const entry of ports) {
    const other = owners.get(entry.port);
    if (other !== undefined) {
      throw new CommandError(
        'USAGE',
        `port ${entry.port} would be used by both ${other.owner} (${other.option}) and ` +
          `${entry.owner} (${entry.option}); choose others`,
      );
    }
    owners.set(entry.port, entry);
  }
}
