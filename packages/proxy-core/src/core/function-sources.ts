import { type NodeAddress, portOf } from '@undermoon/cluster-meta';
import { peerAddressesOf, type RoutingTable } from './routing-table.ts';

/** Other proxies that are asked for the functions of a server that has none. */
const PEERS_ASKED = 3;

/** Servers that serve slots, or are about to, and were not beside this proxy before. */
export function joinedServers(before: RoutingTable, after: RoutingTable): readonly NodeAddress[] {
  return after.localNodes.filter((address) => !before.localNodes.includes(address));
}

/**
 * Who may have the functions that a server which joined lacks, in the order in which they are asked: the other
 * servers of this proxy, those of them that join too, and some of the other proxies, for another server others.
 */
export function functionSources(
  table: RoutingTable,
  server: NodeAddress,
  joining: { has(address: NodeAddress): boolean },
): readonly NodeAddress[] {
  const peers = peerAddressesOf(table);
  const local = table.localNodes.filter((address) => address !== server);
  const count = Math.min(PEERS_ASKED, peers.length);
  const start = portOf(server) % Math.max(1, peers.length);
  return [
    ...local.filter((address) => !joining.has(address)),
    ...local.filter((address) => joining.has(address)),
    ...[...peers.slice(start), ...peers.slice(0, start)].slice(0, count),
  ];
}
