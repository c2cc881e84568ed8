import { encodeCommand } from '@undermoon/resp';
import type { DedicatedPool, Lease } from './dedicated-pool.ts';
import { ReplyText } from './reply-text.ts';

/** What becomes of the question; one of them is called. */
interface EndWaitCalls {
  /** With the server's answer; null: there is none. */
  readonly onAnswer: (text: string | null) => void;
  /** The server was not asked. */
  readonly onUnsent: () => void;
}

/**
 * Asks a server to end what the client that has this connection waits for, once the server's number of the connection
 * is known. What was sent over the connection until then has reached the server before.
 */
export function endWait(
  pool: DedicatedPool,
  lease: Lease,
  reason: 'TIMEOUT' | 'ERROR',
  { onAnswer, onUnsent }: EndWaitCalls,
): void {
  lease.whenNumbered((serverId) => {
    const command = encodeCommand(['CLIENT', 'UNBLOCK', String(serverId), reason]);
    const control = serverId === 0 || lease.isLost ? null : pool.control(lease.address);
    const isSent = control?.request(new ReplyText(onAnswer), 1, false, command, 0, command.length);
    if (isSent !== true) onUnsent();
  });
}
