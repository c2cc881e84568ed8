import { REPLY_MAX_CLIENTS } from '../core/replies.ts';
import {
  type AcceptedConnection,
  DEAF_HANDLER,
  type Transport,
  type TransportFactory,
} from './transport.ts';

/** Connections that wait at one time for their client to read why it is refused. */
const TURNED_AWAY_MAX = 32;

/** Clients that there is no room for: each is told so, what it sends is dropped until it is gone. */
export class TurnedAway {
  readonly #open = new Set<Transport>();

  add(connection: AcceptedConnection, transports: TransportFactory): void {
    // Each holds a file that the process may have open, so the one that has been told longest ago goes first.
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size >= TURNED_AWAY_MAX) {
      this.#open.delete(oldest);
      oldest.destroy();
    }
    const handler = { ...DEAF_HANDLER, onClose: () => this.#open.delete(transport) };
    const transport = transports.accepted(connection, handler);
    this.#open.add(transport);
    transport.write(REPLY_MAX_CLIENTS);
    transport.end();
  }

  destroy(): void {
    for (const transport of this.#open) transport.destroy();
    this.#open.clear();
  }
}
