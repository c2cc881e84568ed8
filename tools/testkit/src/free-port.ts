import { createServer, type Server } from 'node:net';
import { once } from 'node:events';

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port');
  return port;
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held open together, so that no port comes twice.
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(closed));
  return ports;
}

/** A TCP port of 127.0.0.1 on which somebody listens. */
export interface TakenPort {
  readonly port: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Listens on a port, for those who are to find it taken. */
export async function takePort(): Promise<TakenPort> {
  const server = await listenAnywhere();
  return { port: portOf(server), [Symbol.asyncDispose]: () => closed(server) };
}

/** The port a listening server got. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server listens on no TCP port');
  return address.port;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

async function listenAnywhere(): Promise<Server> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
