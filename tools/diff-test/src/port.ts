import type { Form, Part } from './grammar-parser.ts';

/** Which port of a proxy is compared: with a node of Redis Cluster, or with a Redis server without cluster mode. */
export type Port = 'cluster' | 'plain';

/** Commands that the plain port carries out wherever their keys are. */
export const SPLIT_COMMANDS: ReadonlySet<string> = new Set([
  'mget',
  'mset',
  'del',
  'unlink',
  'exists',
  'touch',
]);

/**
 * Commands that the plain port refuses in a transaction, since they are for all servers, of which one executes it, or
 * since their channel may be in another slot.
 */
export const NOT_IN_PLAIN_TRANSACTION: RegExp =
  /^(?:dbsize|flushall|flushdb|keys|latency\|histogram|randomkey|scan|spublish|sunsubscribe|(?:script|function)\|.*)$/;

/** Names of words that are keys. */
const KEYS: ReadonlySet<string> = new Set('s n l h t z x g p b k y single'.split(' '));

/** Whether a form may have several keys: a fault in its words could put them into different slots. */
export function hasSeveralKeys({ parts }: Form): boolean {
  return keyCount(parts) > 1;
}

function keyCount(parts: readonly Part[]): number {
  return parts.reduce((total, part) => total + keysOf(part), 0);
}

function keysOf(part: Part): number {
  switch (part.kind) {
    case 'literal':
      return 0;
    case 'word':
      return KEYS.has(part.name) ? 1 : 0;
    case 'optional':
      return keyCount(part.parts);
    case 'choice':
      return Math.max(...part.options.map(keyCount));
    case 'repeat':
      return 2 * keysOf(part.part);
  }
}
