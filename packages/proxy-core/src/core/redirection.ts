import type { Buffer } from 'node:buffer';
import { hostOf, type NodeAddress, portOf } from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import { errorReply, REPLY_SLOT_DOWN } from './replies.ts';

/** What a proxy answers that does not serve a slot. The command was not executed. */
export interface Redirection {
  /** Null: it is that of the command's keys. */
  readonly slot: number | null;
  /** Who serves it, as it was named: an IPv6 host has no brackets. Null: the proxy knows nobody. */
  readonly named: string | null;
}

const MOVED = '-MOVED ';
const MOVED_LINE = /^-MOVED (\d{1,5}) (\S{1,300})\r\n$/;
const NOBODY: Redirection = { slot: null, named: null };
// A proxy that was started again knows nobody before it is given metadata. The second is that of an original one.
const NOT_SERVED: readonly Buffer[] = [REPLY_SLOT_DOWN, errorReply('ERR_CLUSTER_NOT_FOUND')];

/** Reads an error reply; null: it is another error. */
export function redirectionOf(reply: Buffer): Redirection | null {
  if (NOT_SERVED.some((known) => known.equals(reply))) return NOBODY;
  // Most errors are no redirections: these cost a few comparisons.
  for (let i = 0; i < MOVED.length; i++) if (reply[i] !== MOVED.charCodeAt(i)) return null;
  const [, slot = '', named = ''] = MOVED_LINE.exec(reply.toString('latin1')) ?? [];
  return named === '' || Number(slot) >= SLOT_COUNT ? null : { slot: Number(slot), named };
}

/** Whether a redirection names this address. */
export function isNamed({ named }: Redirection, address: NodeAddress): boolean {
  return named === `${hostOf(address)}:${portOf(address)}`;
}
