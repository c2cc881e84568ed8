import type { NodeAddress } from '@undermoon/cluster-meta';
import type { PortKind } from '../core/connection-label.ts';
import { Listener } from './listener.ts';
import type { PortAddresses } from './loop-messages.ts';
import type { AcceptedConnection, TransportFactory } from './transport.ts';

/** The ports of a proxy: one for cluster clients, and, where it is wanted, a plain one. */
export class Ports {
  /** Where cluster clients connect; before `listen`, where they will. */
  address: NodeAddress;
  /** Where plain clients connect; null: nowhere. */
  plainAddress: NodeAddress | null = null;
  readonly #wanted: { readonly address: NodeAddress; readonly plainAddress: NodeAddress | null };
  readonly #cluster: Listener;
  readonly #plain: Listener;

  constructor(
    wanted: { readonly address: NodeAddress; readonly plainAddress: NodeAddress | null },
    onAccepted: (connection: AcceptedConnection, port: PortKind) => void,
    onError: (error: Error) => void,
  ) {
    this.#wanted = wanted;
    this.address = wanted.address;
    this.#cluster = new Listener((connection) => onAccepted(connection, 'cluster'), onError);
    this.#plain = new Listener((connection) => onAccepted(connection, 'plain'), onError);
  }

  /** Listens on both or on none. Throws as `Listener.listen`. */
  async listen(transports: TransportFactory): Promise<void> {
    const { address, plainAddress } = this.#wanted;
    this.address = await this.#cluster.listen(address, transports);
    if (plainAddress === null) return;
    try {
      this.plainAddress = await this.#plain.listen(plainAddress, transports);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  addresses(): PortAddresses {
    return { address: this.address, plainAddress: this.plainAddress };
  }

  /** Stops accepting. Safe to call twice. */
  close(): void {
    this.#cluster.close();
    this.#plain.close();
  }
}
