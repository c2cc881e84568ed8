import type { NodeAddress } from '@undermoon/cluster-meta';
import type { PortKind } from './connection-label.ts';

/** Where a proxy listens. */
export interface PortAddresses {
  /** For cluster clients. */
  readonly address: NodeAddress;
  /** For plain clients; null: nowhere. */
  readonly plainAddress: NodeAddress | null;
  /** For cluster clients that come to read from copies; null: nowhere. */
  readonly replicaAddress: NodeAddress | null;
}

/** Where clients of a port connect. */
export function portAddressOf(addresses: PortAddresses, port: PortKind): NodeAddress {
  const { address, plainAddress, replicaAddress } = addresses;
  switch (port) {
    case 'cluster':
      return address;
    case 'plain':
      return plainAddress ?? address;
    case 'replica':
      return replicaAddress ?? address;
  }
}
