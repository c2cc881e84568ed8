import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { CommandError, errorCodeOf } from '../errors.ts';
import type { PlannedPort } from './plan.ts';

const TAKEN_SHOWN_MAX = 5;

/**
 * Makes sure that every port is free.
 * @throws CommandError PORT_TAKEN, naming each taken port and the option that moves it
 */
export async function checkFreePorts(ports: readonly PlannedPort[]): Promise<void> {
  const checks = await Promise.all(
    ports.map(async (entry) => ({ entry, reason: await whyNotFree(entry.port) })),
  );
  const taken = checks.filter(({ reason }) => reason !== null);
  if (taken.length === 0) return;
  const lines = taken
    .slice(0, TAKEN_SHOWN_MAX)
    .map(
      ({ entry, reason }) =>
        `port ${entry.port} (${entry.owner}) ${reason}; ${entry.option} moves it`,
    );
  if (taken.length > lines.length) lines.push(`and ${taken.length - lines.length} more`);
  throw new CommandError('PORT_TAKEN', lines.join('\n'));
}

// Some systems let a second server listen on 127.0.0.1 while another has the port on all addresses, so that
// connecting is tried too.
async function whyNotFree(port: number): Promise<string | null> {
  if (await isAnswered(port)) return 'is already in use';
  const server = createServer().listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
    return null;
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === 'EADDRINUSE') return 'is already in use';
    if (code === 'EACCES') return 'may not be used by this user';
    return `cannot be used: ${code}`;
  } finally {
    server.close();
  }
}

async function isAnswered(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    // A connection from a port to itself is possible on loopback; it says that nobody listens there.
    return socket.localPort !== port;
  } catch (error) {
    if (errorCodeOf(error) === '') throw error;
    return false;
  } finally {
    socket.destroy();
  }
}
