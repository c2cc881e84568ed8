import { parseEpoch, type Epoch, type NodeAddress } from '@undermoon/cluster-meta';
import { askEach, askProxy } from './ask-proxy.ts';

/**
 * Asks a proxy for its epoch: `UMCTL GETEPOCH`. Null when it cannot be reached or answers something else than a
 * whole number.
 */
export async function fetchProxyEpoch(address: NodeAddress): Promise<Epoch | null> {
  const line = await askProxy(address, ['UMCTL', 'GETEPOCH']);
  return line?.startsWith(':') === true ? parseEpoch(line.slice(1)) : null;
}

/** Asks several proxies. */
export async function fetchEpochs(
  addresses: readonly NodeAddress[],
  fetchEpoch: (address: NodeAddress) => Promise<Epoch | null>,
): Promise<ReadonlyMap<NodeAddress, Epoch | null>> {
  const epochs = await askEach(addresses, fetchEpoch);
  return new Map(addresses.map((address, index) => [address, epochs[index] ?? null]));
}
