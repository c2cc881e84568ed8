import type { NodeAddress } from '@undermoon/cluster-meta';
import type { PortKind } from '../core/connection-label.ts';
import { Listener } from './listener.ts';
import type { PortAddresses } from '../core/port-addresses.ts';
import type { AcceptedConnection, TransportFactory } from './transport.ts';

/** The ports of a proxy: one for cluster clients, and those besides that are wanted. */
export class Ports {
  readonly #wanted: PortAddresses;
  readonly #listeners: Readonly<Record<PortKind, Listener>>;
  #addresses: PortAddresses;

  constructor(
    { address, plainAddress, replicaAddress }: PortAddresses,
    onAccepted: (connection: AcceptedConnection, port: PortKind) => void,
    onError: (error: Error) => void,
  ) {
    const listener = (port: PortKind): Listener =>
      new Listener((connection) => onAccepted(connection, port), onError);
    this.#wanted = { address, plainAddress, replicaAddress };
    this.#addresses = { address, plainAddress: null, replicaAddress: null };
    this.#listeners = {
      cluster: listener('cluster'),
      plain: listener('plain'),
      replica: listener('replica'),
    };
  }

  /** Where the proxy listens; before `listen`, where cluster clients will connect. */
  get addresses(): PortAddresses {
    return this.#addresses;
  }

  /** Listens on all of them or on none. Throws as `Listener.listen`. */
  async listen(transports: TransportFactory): Promise<void> {
    const { address, plainAddress, replicaAddress } = this.#wanted;
    const { cluster, plain, replica } = this.#listeners;
    const listenIf = async (
      listener: Listener,
      wanted: NodeAddress | null,
    ): Promise<NodeAddress | null> =>
      wanted === null ? null : await listener.listen(wanted, transports);
    const taken = await cluster.listen(address, transports);
    try {
      this.#addresses = {
        address: taken,
        plainAddress: await listenIf(plain, plainAddress),
        replicaAddress: await listenIf(replica, replicaAddress),
      };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Stops accepting. Safe to call twice. */
  close(): void {
    for (const listener of Object.values(this.#listeners)) listener.close();
  }
}
