import { SLOT_COUNT } from '@undermoon/slots';
import { refused, type StoreStep } from './command.ts';
import { MASTERS_PER_CHUNK, NODES_PER_CHUNK, type StoreState } from './model.ts';

/** Every master of a new cluster gets at least one slot. */
export const NODE_NUMBER_MAX: number = (SLOT_COUNT / MASTERS_PER_CHUNK) * NODES_PER_CHUNK;

/** A number of nodes and the most that it may be. */
export interface NodeNumber {
  readonly nodeNumber: number;
  readonly most: number;
}

/** How many chunks have so many nodes; null if that is no whole number of chunks, or too many. */
export function chunkCountOf({ nodeNumber, most }: NodeNumber): number | null {
  const isValid = nodeNumber > 0 && nodeNumber <= most && nodeNumber % NODES_PER_CHUNK === 0;
  return isValid ? nodeNumber / NODES_PER_CHUNK : null;
}

export function invalidNodeNumber(state: StoreState, { nodeNumber, most }: NodeNumber): StoreStep {
  const message = `node_number: ${nodeNumber} is not a multiple of 4 from 4 to ${most}`;
  return refused(state, 'INVALID_NODE_NUMBER', message);
}
