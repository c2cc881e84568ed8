import {
  BrokerClientError,
  type BrokerClient,
  type StoredProxy,
} from '@undermoon/broker-api/client';
import type { NodeAddress } from '@undermoon/cluster-meta';

import { usage } from '../command-line.ts';
import { CommandError } from '../errors.ts';

/** A proxy as it was asked for; null stands for what was not given. */
export interface Registration {
  readonly address: NodeAddress;
  readonly redis: readonly [NodeAddress, NodeAddress] | null;
  readonly host: string | null;
  readonly zone: string | null;
  readonly weight: number | null;
  readonly index: number | null;
  readonly replicaAddress: NodeAddress | null;
  /** The host of a new proxy that comes without one. */
  readonly defaultHost: string;
}

/** A registered proxy, and how it was known before. */
export interface Registered {
  readonly proxy: StoredProxy;
  readonly wasKnown: boolean;
  readonly wasFailed: boolean;
}

/**
 * Registers a proxy, or clears the failure marks of a known one. Throws a `CommandError` REFUSED for what the broker would
 * pass over in silence: other Redis servers or another host of a known proxy, and Redis servers that another proxy has.
 */
export async function registerProxy(
  broker: BrokerClient,
  wanted: Registration,
): Promise<Registered> {
  const { proxies, failedProxies } = await broker.store();
  const known = proxies.get(wanted.address) ?? null;
  if (known !== null) checkUnchanged(known, wanted);
  const redis = wanted.redis ?? known?.nodeAddresses;
  if (redis === undefined) {
    throw usage(`--redis: required, since the broker does not know proxy ${wanted.address} yet`);
  }
  for (const proxy of proxies.values()) checkApart(proxy, wanted.address, redis);
  const host = wanted.host ?? known?.host ?? wanted.defaultHost;
  const zone = wanted.zone ?? known?.zone ?? null;
  const weight = wanted.weight ?? known?.weight ?? null;
  const index = wanted.index ?? known?.index ?? null;
  const replicaAddress = wanted.replicaAddress ?? known?.replicaAddress ?? null;
  await unlessKnown(() =>
    broker.addProxy({
      proxyAddress: wanted.address,
      nodes: redis,
      host,
      index: index ?? undefined,
      zone: zone ?? undefined,
      weight: weight ?? undefined,
      replicaAddress: replicaAddress ?? undefined,
    }),
  );
  const { proxies: after } = await broker.store();
  const proxy = after.get(wanted.address);
  if (proxy === undefined)
    throw new CommandError('REFUSED', `proxy ${wanted.address} was removed again`);
  return { proxy, wasKnown: known !== null, wasFailed: failedProxies.has(wanted.address) };
}

function checkUnchanged(known: StoredProxy, { redis, host, index }: Registration): void {
  const differing = [
    redis !== null && redis.join() !== known.nodeAddresses.join()
      ? `with the Redis servers ${known.nodeAddresses.join(' ')}`
      : null,
    host !== null && host !== known.host ? `on host ${known.host}` : null,
    index !== null && index !== known.index ? `at index ${known.index}` : null,
  ].filter((text) => text !== null);
  if (differing.length === 0) return;
  const { proxyAddress } = known;
  throw new CommandError(
    'REFUSED',
    `proxy ${proxyAddress} is known already, ${differing.join(' and ')}; "undermoon proxy remove ${proxyAddress}" forgets it`,
  );
}

function checkApart(
  { proxyAddress, nodeAddresses }: StoredProxy,
  address: NodeAddress,
  redis: readonly NodeAddress[],
): void {
  if (proxyAddress === address) return;
  const shared = nodeAddresses.find((node) => redis.includes(node));
  if (shared === undefined) return;
  throw new CommandError(
    'REFUSED',
    `Redis server ${shared} belongs to proxy ${proxyAddress} already`,
  );
}

// The answer for a known proxy is a refusal, and it has been done all the same.
async function unlessKnown(add: () => Promise<void>): Promise<void> {
  try {
    await add();
  } catch (error) {
    if (!(error instanceof BrokerClientError && error.code === 'ALREADY_EXISTED')) throw error;
  }
}
