import net from 'node:net';
import { tryRawTransports } from './raw-transports.ts';
import type { Arena } from './slab.ts';
import { DataEventTransports, SharedBufferTransports } from './stream-transport.ts';
import type { SocketKind, TransportFactory } from './transport.ts';

/**
 * The wanted way to use sockets, or the next slower one that this runtime can do: handles are no public API,
 * so a trial decides whether they are used directly; the shared buffer needs an accepted socket's handle to
 * be movable; data events always work.
 */
export async function chooseTransports(
  wanted: SocketKind,
  arena: Arena,
): Promise<TransportFactory> {
  if (wanted === 'raw-handle') {
    const raw = await tryRawTransports(arena);
    if (raw !== null) return raw;
  }
  if (wanted !== 'data-events' && '_handle' in new net.Socket()) {
    return new SharedBufferTransports(arena);
  }
  return new DataEventTransports();
}
