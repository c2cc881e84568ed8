/** The ports of a proxy, by the kind of clients that connect there. */
export type PortKind = 'cluster' | 'plain' | 'replica';

/** What a loop is told about a connection that comes to it from the loop that accepts. */
export interface ConnectionLabel {
  /**
   * A new client of that port; 'arrival': a client that the other loop has served; 'trial': nobody, it only shows
   * whether connections arrive.
   */
  readonly kind: PortKind | 'arrival' | 'trial';
  /** The proxy's number for the client, from 1. */
  readonly id: number;
}

/** In the order of the numbers that stand for them. */
const KINDS = ['trial', 'cluster', 'plain', 'replica', 'arrival'] as const;
/** Above every number of a client. */
const KIND_STEP = 1e15;

/** A label as digits. All have one length, so that each message with a connection has. */
export function labelText({ kind, id }: ConnectionLabel): string {
  return String(KINDS.indexOf(kind) * KIND_STEP + id).padStart(String(KIND_STEP).length, '0');
}

/** The label that has this text. */
export function labelOf(text: string): ConnectionLabel {
  const number = Number(text);
  const kind = KINDS[Math.floor(number / KIND_STEP)] ?? 'trial';
  return { kind, id: number % KIND_STEP };
}
