import { Buffer } from 'node:buffer';

/** How a push of a server that names changed keys begins; what follows is its payload. */
const HEAD = Buffer.from('>2\r\n$10\r\ninvalidate\r\n');
const MESSAGE = Buffer.from('*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n');

/** A list of keys in RESP; or null in RESP2 or RESP3, which means all keys. */
export type InvalidationPayload = Uint8Array;

/** What a push of a server tells about keys; null: it is about something else. */
export function payloadOf(push: Buffer): InvalidationPayload | null {
  const isInvalidation = push.subarray(0, HEAD.length).equals(HEAD);
  return isInvalidation ? push.subarray(HEAD.length) : null;
}

/** The payload for all keys. `protocol`: that of the client that tracks, as in Redis, whoever is told. */
export function allKeys(protocol: 2 | 3): InvalidationPayload {
  return Buffer.from(protocol === 3 ? '_\r\n' : '$-1\r\n');
}

/** What a client gets. Null: it can be told nothing, since it speaks RESP2 and does not subscribe to anything. */
export function invalidationFor(
  payload: InvalidationPayload,
  client: { readonly protocol: 2 | 3; readonly isSubscriber: boolean },
): Buffer | null {
  if (client.protocol === 3) return Buffer.concat([HEAD, payload]);
  return client.isSubscriber ? Buffer.concat([MESSAGE, payload]) : null;
}

/** Tells a client of RESP3 that the one it redirects to is gone. */
export function redirectBroken(redirect: number): Buffer {
  return Buffer.from(`>2\r\n$21\r\ntracking-redir-broken\r\n:${redirect}\r\n`);
}
