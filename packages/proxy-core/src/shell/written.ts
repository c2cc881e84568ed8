import { RespWriter } from '@undermoon/resp';
import type { Client } from './proxy-context.ts';

/** A reply in the client's protocol. */
export function written(client: Client, write: (writer: RespWriter) => void): Buffer {
  const writer = new RespWriter(client.session.protocol);
  write(writer);
  return writer.take();
}
