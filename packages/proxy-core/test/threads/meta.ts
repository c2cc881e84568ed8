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
    clusterName: parseClusterName('test'),
    epoch: mustBe(parseEpoch(epoch)),
    nodes,
    peers: server === null ? [{ proxyAddress: peer, slots }] : [],
    clusterConfig: null,
  };
}
