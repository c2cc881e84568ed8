import { parseNodeAddress, type NodeAddress } from '@undermoon/cluster-meta';
import { expect, test } from 'vitest';
import { functionSources, joinedServers } from './function-sources.ts';
import { EMPTY_TABLE, type RoutingTable } from './routing-table.ts';

function address(port: number): NodeAddress {
  const parsed = parseNodeAddress(`10.0.0.1:${port}`);
  if (parsed === null) throw new Error(`${port}`);
  return parsed;
}

function tableOf(local: readonly number[], peers: readonly number[]): RoutingTable {
  const targets = peers.map((port) => ({ address: address(port), movedSuffix: new Uint8Array() }));
  return {
    ...EMPTY_TABLE,
    localNodes: local.map(address),
    peerStart: local.length,
    peers: targets,
  };
}

test('servers that were not there before have joined', () => {
  expect(joinedServers(tableOf([1], []), tableOf([1, 2], [5]))).toEqual([address(2)]);
  expect(joinedServers(tableOf([1, 2], []), tableOf([2], []))).toEqual([]);
  expect(joinedServers(EMPTY_TABLE, tableOf([1, 2], []))).toEqual([address(1), address(2)]);
});

test('the servers beside it are asked first, then three proxies at most', () => {
  const none = new Set<NodeAddress>();
  const sources = functionSources(tableOf([1, 2, 3], [5, 6, 7, 8, 9]), address(3), none);
  expect(sources).toEqual([1, 2, 8, 9, 5].map(address));
  expect(functionSources(tableOf([1, 2, 3], []), address(3), new Set([address(1)]))).toEqual(
    [2, 1].map(address),
  );
  expect(functionSources(tableOf([1], [5]), address(1), none)).toEqual([address(5)]);
  expect(functionSources(tableOf([1], []), address(1), none)).toEqual([]);
});
