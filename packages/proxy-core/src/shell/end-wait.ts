import { encodeCommand } from '@undermoon/resp';
import type { DedicatedPool, Lease } from './dedicated-pool.ts';
import { ReplyText } from './reply-text.ts';

/**
 * Asks a server to end what the client that has this connection waits for, once the server's number of the connection
 * is known. What was sent over the connection until then has reached the server before. `take` gets the server's
 * answer; null: there is none. `onUnsent`: the server was not asked.
 */
export function endWait(
  pool: DedicatedPool,
  lease: Lease,
  reason: 'TIMEOUT' | 'ERROR',
  take: (text: string | null) => void,
  onUnsent: () => void,
): void {
  lease.whenNumbered((serverId) => {
    const command = encodeCommand(['CLIENT', 'UNBLOCK', String(serverId), reason]);
    const control = serverId === 0 || lease.isLost ? null : pool.control(lease.address);
    const isSent = control?.request(new ReplyText(take), 1, false, command, 0, command.length);
    if (isSent !== true) onUnsent();
  });
}
