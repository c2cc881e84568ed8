import type { NodeMeta, Role } from '@undermoon/cluster-meta';
import { expect, it } from 'vitest';

import { address } from '../../test/sights.ts';
import { shardNumbers } from './shards.ts';

function node(port: number, role: Role, peer: number, first?: number): NodeMeta {
  const peers = [{ nodeAddress: address(`h:${peer}`), proxyAddress: address('h:1') }];
  const ranges = first === undefined ? [] : ([[first, first + 1]] as const);
  const slots = [{ ranges, tag: { kind: 'none' } as const }];
  return { address: address(`h:${port}`), proxyAddress: address('h:1'), slots, role, peers };
}

it('numbers masters by their slots, those without last, and replicas as their masters', () => {
  const numbers = shardNumbers([
    node(1, 'master', 11),
    node(2, 'master', 12, 100),
    node(3, 'master', 13, 0),
    node(4, 'master', 14),
    node(11, 'replica', 1),
    node(12, 'replica', 2),
    node(13, 'replica', 3),
    node(15, 'replica', 5),
  ]);
  const text = [...numbers].map(([at, number]) => `${at}=${number}`).toSorted();
  expect(text).toEqual(['h:11=3', 'h:12=2', 'h:13=1', 'h:1=3', 'h:2=2', 'h:3=1', 'h:4=4']);
});
