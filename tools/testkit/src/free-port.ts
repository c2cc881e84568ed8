import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { type EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:net';

// Below the ports that kernels give to whoever asks for any: those of a server that is down for a moment, or that
// nobody is to listen on, would go to the next test that opens a connection. A server in cluster mode takes the port
// 10,000 above its own as well.
const FIRST_PORT = 10_000;
const PORT_COUNT = 4000;
const ATTEMPTS_MAX = 2000;

/** A TCP port of 127.0.0.1 that nobody listens on. It is given to nobody else while this process runs. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(FIRST_PORT, FIRST_PORT + PORT_COUNT);
    if ((await isOurs(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${FIRST_PORT + PORT_COUNT - 1}`);
}

/** `count` different free ports. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}

/** Marks a port as taken, by its UDP port, until this process ends; false: another one is ahead. */
async function isOurs(port: number): Promise<boolean> {
  const mark = createSocket('udp4');
  mark.bind(port, '127.0.0.1');
  mark.unref();
  const isBound = await hasBegun(mark);
  if (!isBound) mark.close();
  return isBound;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  const isListening = await hasBegun(server);
  if (isListening) await closed(server);
  return isListening;
}

/** Whether it listens; false: somebody else has the port. */
async function hasBegun(opened: EventEmitter): Promise<boolean> {
  try {
    await once(opened, 'listening');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
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
