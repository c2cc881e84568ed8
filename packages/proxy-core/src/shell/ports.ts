import type { NodeAddress } from '@undermoon/cluster-meta';
import type { PortKind } from '../core/connection-label.ts';
import { Listener } from './listener.ts';
import type { PortAddresses } from '../core/port-addresses.ts';
import { type AcceptedConnection, DEAF_HANDLER, type TransportFactory } from './transport.ts';

/** What was accepted before anybody could serve it. */
interface Early {
  readonly connection: AcceptedConnection;
  readonly port: PortKind;
}

/** The ports of a proxy: one for cluster clients, and those besides that are wanted. */
export class Ports {
  readonly #wanted: PortAddresses;
  readonly #listeners: Readonly<Record<PortKind, Listener>>;
  readonly #onAccepted: (connection: AcceptedConnection, port: PortKind) => void;
  #addresses: PortAddresses;
  #transports: TransportFactory | null = null;
  /** Null since `begin`. */
  #early: Early[] | null = [];

  /** `onAccepted` is called from `begin` on. */
  constructor(
    { address, plainAddress, replicaAddress }: PortAddresses,
    onAccepted: (connection: AcceptedConnection, port: PortKind) => void,
    onError: (error: Error) => void,
  ) {
    this.#onAccepted = onAccepted;
    const listener = (port: PortKind): Listener =>
      new Listener((connection) => {
        if (this.#early === null) onAccepted(connection, port);
        else this.#early.push({ connection, port });
      }, onError);
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
    this.#transports = transports;
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

  /** Clients can be served: hands over those that came while the proxy started, and from now on all as they come. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const { connection, port } of early) this.#onAccepted(connection, port);
  }

  /** Stops accepting. Safe to call twice. */
  close(): void {
    for (const listener of Object.values(this.#listeners)) listener.close();
    const early = this.#early?.splice(0) ?? [];
    for (const { connection } of early) {
      this.#transports?.accepted(connection, DEAF_HANDLER).destroy();
    }
  }
}
