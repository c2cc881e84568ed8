import { DEFAULT_CLUSTER_CONFIG } from '../cluster-config.ts';
import type { ProxyMeta } from '../cluster.ts';
import type { NodeMeta } from '../node.ts';
import type { ReplEntry, SetCluster, SetRepl } from './commands.ts';

/** Options of the two builders. */
export interface CommandOptions {
  /** Have the proxy accept metadata that is not newer than its own. Default false. */
  readonly force?: boolean;
}

/** The routing metadata to push to the proxy: its masters and the other proxies, with all their slots. */
export function setClusterOf(meta: ProxyMeta, options: CommandOptions = {}): SetCluster {
  return {
    epoch: meta.epoch,
    force: options.force ?? false,
    clusterName: meta.clusterName,
    local: meta.nodes
      .filter(({ role }) => role === 'master')
      .map(({ address, slots }) => ({ address, slots })),
    peers: meta.peers.map(({ proxyAddress, slots }) => ({ address: proxyAddress, slots })),
    replicas: meta.replicas,
    config: meta.clusterConfig ?? DEFAULT_CLUSTER_CONFIG,
    configWarning: null,
  };
}

/** The roles to push to the proxy, masters first. The nodes of a free proxy become stand-alone masters. */
export function setReplOf(meta: ProxyMeta, options: CommandOptions = {}): SetRepl {
  const { clusterName } = meta;
  const entry = (node: NodeMeta): ReplEntry =>
    clusterName === null
      ? { role: 'master', clusterName, nodeAddress: node.address, peers: [] }
      : { role: node.role, clusterName, nodeAddress: node.address, peers: node.peers };
  const entries = meta.nodes.map(entry);
  return {
    epoch: meta.epoch,
    force: options.force ?? false,
    entries: [
      ...entries.filter(({ role }) => role === 'master'),
      ...entries.filter(({ role }) => role === 'replica'),
    ],
  };
}
