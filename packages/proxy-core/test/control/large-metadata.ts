import {
  DEFAULT_CLUSTER_CONFIG,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type AddressSlots,
  type NodeAddress,
  type SetCluster,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';

/** Metadata of a size. */
export interface MetadataShape {
  readonly proxies: number;
  /** Slot ranges of each proxy. With `proxies` times this many, all slots are in ranges of one length. */
  readonly rangesEach: number;
}

/** The largest that there is: every slot is a range of its own. */
export const SINGLE_SLOTS_OF_TWO: MetadataShape = { proxies: 2, rangesEach: SLOT_COUNT / 2 };
/** The same over a thousand proxies. */
export const SINGLE_SLOTS_OF_MANY: MetadataShape = { proxies: 1024, rangesEach: 16 };
/** A thousand proxies with few ranges. */
export const MANY_PROXIES: MetadataShape = { proxies: 1000, rangesEach: 4 };

/** Metadata in which consecutive ranges belong to different proxies. The first one is served here, by `local`. */
export function largeMetadata(
  { proxies, rangesEach }: MetadataShape,
  options: { readonly epoch: number; readonly local: string },
): SetCluster {
  const count = proxies * rangesEach;
  const startOf = (index: number): number => Math.floor((index * SLOT_COUNT) / count);
  const nodes = Array.from({ length: proxies }, (_, proxy): AddressSlots => {
    const ranges = Array.from({ length: rangesEach }, (__, i) => {
      const index = i * proxies + proxy;
      return [startOf(index), startOf(index + 1) - 1] as const;
    });
    return { address: addressOf(proxy, options.local), slots: [{ ranges, tag: { kind: 'none' } }] };
  });
  return {
    epoch: parseEpoch(options.epoch) ?? parseEpoch(0)!,
    force: false,
    clusterName: parseClusterName('large'),
    local: nodes.slice(0, 1),
    peers: nodes.slice(1),
    replicas: nodes
      .slice(1)
      .map(({ address: master }, proxy) => ({ master, address: replicaOf(proxy) })),
    config: DEFAULT_CLUSTER_CONFIG,
    configWarning: null,
  };
}

/** Where the copies of a proxy's keys are. */
function replicaOf(proxy: number): NodeAddress {
  return parseNodeAddress(`10.2.${proxy >> 8}.${proxy & 255}:6101`)!;
}

function addressOf(proxy: number, local: string): NodeAddress {
  return parseNodeAddress(proxy === 0 ? local : `10.1.${proxy >> 8}.${proxy & 255}:6001`)!;
}
