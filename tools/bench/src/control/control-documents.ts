import {
  DEFAULT_CLUSTER_CONFIG,
  encodeSetCluster,
  NO_TAG,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type AddressSlots,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { SLOT_COUNT, type SlotRange } from '@undermoon/slots';

/** Metadata of a size, as one SETCLUSTER. */
export interface ControlDocument {
  readonly name: string;
  readonly proxies: number;
  readonly rangesEach: number;
  readonly isCompressed: boolean;
}

const SHAPES = [
  { name: '1,000 proxies, 4 ranges each', proxies: 1000, rangesEach: 4 },
  { name: '16,384 single slots, 2 proxies', proxies: 2, rangesEach: SLOT_COUNT / 2 },
  { name: '16,384 single slots, 1,024 proxies', proxies: 1024, rangesEach: 16 },
];

/** What is sent, in this order. */
export const CONTROL_DOCUMENTS: readonly ControlDocument[] = [false, true].flatMap((isCompressed) =>
  SHAPES.map((shape) => ({
    ...shape,
    name: isCompressed ? `${shape.name}, COMPRESS` : shape.name,
    isCompressed,
  })),
);

/** The whole command. Neighbouring ranges belong to different proxies, the first one is the one that is told. */
export function setClusterFrame(document: ControlDocument, epoch: number): Buffer {
  const { proxies, rangesEach, isCompressed } = document;
  const nodes = Array.from({ length: proxies }, (_, proxy): AddressSlots => {
    const ranges = Array.from({ length: rangesEach }, (__, i) =>
      rangeOf(i * proxies + proxy, proxies * rangesEach),
    );
    return { address: addressOf(proxy), slots: [{ ranges, tag: NO_TAG }] };
  });
  const command = {
    epoch: mustBe(parseEpoch(epoch)),
    force: false,
    clusterName: mustBe(parseClusterName('bench')),
    local: nodes.slice(0, 1),
    peers: nodes.slice(1),
    replicas: null,
    config: DEFAULT_CLUSTER_CONFIG,
    configWarning: null,
  };
  const words = encodeSetCluster(command, { compress: isCompressed });
  return encodeCommand(['UMCTL', 'SETCLUSTER', ...words]);
}

function rangeOf(index: number, count: number): SlotRange {
  const start = Math.floor((index * SLOT_COUNT) / count);
  return [start, Math.floor(((index + 1) * SLOT_COUNT) / count) - 1];
}

/** Nobody listens there: the bench asks for no key. */
function addressOf(proxy: number): NodeAddress {
  const text = proxy === 0 ? '127.0.0.1:1' : `10.1.${proxy >> 8}.${proxy & 255}:6001`;
  return mustBe(parseNodeAddress(text));
}

function mustBe<T>(value: T | null): T {
  if (value === null) throw new TypeError('a constant of the bench is not what it should be');
  return value;
}
