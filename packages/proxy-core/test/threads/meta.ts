import {
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type ProxyMeta,
} from '@undermoon/cluster-meta';
import type { RedisServer } from '@undermoon/testkit';
import type { ProxyServer } from '../../src/index.ts';

function mustBe<T>(value: T | null): T {
  if (value === null) throw new TypeError('a constant of the test is not what it should be');
  return value;
}

/** Metadata that gives all slots to a server beside the proxy; null: to a peer, 10.0.0.1 with the epoch as its port. */
export function metaOf(proxy: ProxyServer, server: RedisServer | null, epoch: number): ProxyMeta {
  const address = mustBe(parseNodeAddress(proxy.address));
  const slots = [{ ranges: [[0, 16_383]] as const, tag: { kind: 'none' } as const }];
  const nodes =
    server === null
      ? []
      : [
          {
            address: mustBe(parseNodeAddress(server.address)),
            proxyAddress: address,
            slots,
            role: 'master' as const,
            peers: [],
          },
        ];
  const peer = mustBe(parseNodeAddress(`10.0.0.1:${epoch}`));
  return {
    address,
    replicaAddress: null,
    clusterName: parseClusterName('test'),
    epoch: mustBe(parseEpoch(epoch)),
    nodes,
    peers: server === null ? [{ proxyAddress: peer, slots }] : [],
    replicas: null,
    clusterConfig: null,
  };
}

const HALF_SLOTS: readonly ProxyMeta['nodes'][number]['slots'][] = [
  [{ ranges: [[0, 8191]], tag: { kind: 'none' } }],
  [{ ranges: [[8192, 16_383]], tag: { kind: 'none' } }],
];

/** Who serves a half of the slots: the server and its proxy. The lower half is the first. */
export type Halves = readonly { readonly proxy: ProxyServer; readonly server: RedisServer }[];

/** `isSwapped`: the first proxy has the upper half. */
export function halvesOf(
  proxies: readonly ProxyServer[],
  servers: readonly RedisServer[],
  isSwapped: boolean,
): Halves {
  const both = proxies.map((proxy, i) => ({ proxy, server: mustBe(servers[i] ?? null) }));
  return isSwapped ? both.toReversed() : both;
}

/** The metadata of one of the two proxies. */
export function metaOfHalf(halves: Halves, proxy: ProxyServer, epoch: number): ProxyMeta {
  const address = mustBe(parseNodeAddress(proxy.address));
  const own = halves.findIndex((half) => half.proxy === proxy);
  const { server } = mustBe(halves[own] ?? null);
  const other = mustBe(halves[1 - own] ?? null);
  const node = {
    address: mustBe(parseNodeAddress(server.address)),
    proxyAddress: address,
    slots: HALF_SLOTS[own] ?? [],
    role: 'master' as const,
    peers: [],
  };
  const peerAddress = mustBe(parseNodeAddress(other.proxy.address));
  return {
    address,
    replicaAddress: null,
    clusterName: parseClusterName('test'),
    epoch: mustBe(parseEpoch(epoch)),
    nodes: [node],
    peers: [{ proxyAddress: peerAddress, slots: HALF_SLOTS[1 - own] ?? [] }],
    replicas: null,
    clusterConfig: null,
  };
}
