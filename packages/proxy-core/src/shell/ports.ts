import type { NodeAddress } from '@undermoon/cluster-meta';
import { Listener } from './listener.ts';
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
    onAccepted: (connection: AcceptedConnection, isPlain: boolean) => void,
    onError: (error: Error) => void,
  ) {
    this.#wanted = wanted;
    this.address = wanted.address;
    this.#cluster = new Listener((connection) => onAccepted(connection, false), onError);
    this.#plain = new Listener((connection) => onAccepted(connection, true), onError);
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

  /** Stops accepting. Safe to call twice. */
  close(): void {
    this.#cluster.close();
    this.#plain.close();
  }
}
