import type { Buffer } from 'node:buffer';
import { hostOf, type NodeAddress, portOf } from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';

/** What a proxy answers that does not serve a slot. The command was not executed. */
export interface Redirection {
  readonly slot: number;
  /** Who serves it, as it was named: an IPv6 host has no brackets. */
  readonly named: string;
}

const MOVED = '-MOVED ';
const MOVED_LINE = /^-MOVED (\d{1,5}) (\S{1,300})\r\n$/;

/** Reads an error reply; null: it is another error. */
export function redirectionOf(reply: Buffer): Redirection | null {
  // Most errors are no redirections: these cost a few comparisons.
  for (let i = 0; i < MOVED.length; i++) if (reply[i] !== MOVED.charCodeAt(i)) return null;
  const [, slot = '', named = ''] = MOVED_LINE.exec(reply.toString('latin1')) ?? [];
  return named === '' || Number(slot) >= SLOT_COUNT ? null : { slot: Number(slot), named };
}

/** Whether a redirection names this address. */
export function isNamed({ named }: Redirection, address: NodeAddress): boolean {
  return named === `${hostOf(address)}:${portOf(address)}`;
}
