import {
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type ListedReplica,
  type NodeAddress,
  type NodeMeta,
  type ProxyMeta,
} from '@undermoon/cluster-meta';
import type { SlotRanges } from '@undermoon/slots';
import { RawClient, type RedisServer } from '@undermoon/testkit';
import { expect } from 'vitest';
import type { ProxyServer } from '../src/index.ts';

/** A master beside one proxy, and its replica beside another. */
export interface Pair {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly proxy: ProxyServer;
  readonly replicaProxy: ProxyServer;
  readonly slots: SlotRanges;
}

function must<T>(value: T | null): T {
  if (value === null) throw new TypeError('a constant of the test is not what it should be');
  return value;
}

const addressOf = ({ address }: { readonly address: string }): NodeAddress =>
  must(parseNodeAddress(address));

/** What a proxy of these pairs is told. */
export function metaOf(proxy: ProxyServer, pairs: readonly Pair[], epoch: number): ProxyMeta {
  const tagged = (slots: SlotRanges) => [{ ranges: slots, tag: { kind: 'none' } as const }];
  const nodes = pairs.flatMap((pair): NodeMeta[] => [
    ...(pair.proxy !== proxy
      ? []
      : [
          {
            address: addressOf(pair.master),
            proxyAddress: addressOf(proxy),
            slots: tagged(pair.slots),
            role: 'master' as const,
            peers: [
              { nodeAddress: addressOf(pair.replica), proxyAddress: addressOf(pair.replicaProxy) },
            ],
          },
        ]),
    ...(pair.replicaProxy !== proxy
      ? []
      : [
          {
            address: addressOf(pair.replica),
            proxyAddress: addressOf(proxy),
            slots: [],
            role: 'replica' as const,
            peers: [{ nodeAddress: addressOf(pair.master), proxyAddress: addressOf(pair.proxy) }],
          },
        ]),
  ]);
  const peers = pairs
    .filter((pair) => pair.proxy !== proxy)
    .map((pair) => ({ proxyAddress: addressOf(pair.proxy), slots: tagged(pair.slots) }));
  return {
    address: addressOf(proxy),
    replicaAddress:
      proxy.replicaAddress === null ? null : must(parseNodeAddress(proxy.replicaAddress)),
    clusterName: parseClusterName('test'),
    epoch: must(parseEpoch(epoch)),
    nodes,
    peers,
    replicas: proxy.replicaAddress === null ? null : listedOf(pairs),
    clusterConfig: null,
  };
}

/** What a broker would say of these pairs: a proxy with a master is found as a replica at its second address. */
function listedOf(pairs: readonly Pair[]): readonly ListedReplica[] {
  return pairs.flatMap(({ proxy, replicaProxy }) => {
    const hasMaster = pairs.some((pair) => pair.proxy === replicaProxy);
    const address = hasMaster ? replicaProxy.replicaAddress : replicaProxy.address;
    if (address === null) return [];
    return [{ master: addressOf(proxy), address: must(parseNodeAddress(address)) }];
  });
}

/** Tells all proxies of the pairs. */
export function tell(pairs: readonly Pair[], epoch: number): void {
  const proxies = new Set(pairs.flatMap(({ proxy, replicaProxy }) => [proxy, replicaProxy]));
  for (const proxy of proxies) proxy.setMetadata(metaOf(proxy, pairs, epoch));
}

/** A client in READONLY mode that is served from a copy of `key`. */
export async function readerOf(
  proxy: ProxyServer,
  key: string,
  address: string = proxy.address,
): Promise<RawClient> {
  const client = await RawClient.connect(address);
  await client.command('READONLY');
  await expect.poll(async () => (await client.command('EXISTS', key)).type).toBe('integer');
  return client;
}
