import type { BackendConnection } from './backend-connection.ts';
import type { Client } from './proxy-context.ts';

/** Sends `count` commands over a connection. False: the server is known to be unreachable. */
export function forwardOver(
  client: Client,
  backend: BackendConnection,
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
): boolean {
  if (!backend.options.isPeer) return client.forward(backend, count, bytes, start, end);
  const replies = client.context.redirects.repliesOf(client, backend);
  if (!backend.request(replies, count, false, bytes, start, end)) return false;
  replies.keep(bytes, start, end, count);
  client.owe(backend, count);
  return true;
}
