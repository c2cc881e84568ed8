/** What was seen of the clients of a loop in a tenth of a second. */
export interface ClientLoad {
  readonly bytes: number;
  readonly requests: number;
  /** How often a client was read. */
  readonly reads: number;
  /** Clients that sent something, and are still there. */
  readonly activeClients: number;
}

/** With fewer clients, most of them could be waiting for the same reply, or for the end of the same pause. */
export const ACTIVE_CLIENTS_MIN = 32;
/** Requests for each read from which on clients send more than one at a time. */
const PIPELINED_REQUESTS = 2;

/** Clients send several requests at a time. */
export function isPipelined({ requests, reads }: ClientLoad): boolean {
  return requests >= reads * PIPELINED_REQUESTS;
}

/** Many clients send single requests. */
export function isCrowded(load: ClientLoad): boolean {
  return load.activeClients >= ACTIVE_CLIENTS_MIN && !isPipelined(load);
}
