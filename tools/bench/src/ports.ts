import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 28_500;
const LAST = 28_999;
/** Processes that start together have numbers that lie close; their ports should not. */
const APART = 37;

let next = FIRST + ((process.pid * APART) % (LAST - FIRST + 1));

/** A port of 127.0.0.1 on which nobody listens. Below the range of ports for outgoing connections, which a run uses up. */
export async function takePort(): Promise<number> {
  for (let attempt = FIRST; attempt <= LAST; attempt += 1) {
    const port = next;
    next = port === LAST ? FIRST : port + 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  } finally {
    server.close();
  }
}
