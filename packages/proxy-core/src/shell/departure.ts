import type { PortKind } from '../core/connection-label.ts';
import type { SessionFacts } from '../core/session.ts';
import type { AcceptedConnection } from './transport.ts';

/** A client on its way to another loop. */
export interface Departure {
  readonly id: number;
  readonly port: PortKind;
  readonly ageMs: number;
  readonly session: SessionFacts;
  /** What it has sent that was not dispatched yet. */
  readonly input: Uint8Array;
  readonly connection: AcceptedConnection;
}
