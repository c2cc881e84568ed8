import { accept } from '@undermoon/runtime';
import type { ListedReplica } from '../cluster.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import type { AddressSection } from './address-slots.ts';
import { refuseWords, takeAddress, type WordCursor, type WordsOutcome } from './word-cursor.ts';

/** What a pair costs, in items of a slice. */
const PAIR_WEIGHT = 3;

/** Appends the section of replicas; nothing when they are not told, since proxies of undermoon 0.6.2 do not know it. */
export function pushListedReplicas(
  words: string[],
  replicas: readonly ListedReplica[] | null,
): void {
  if (replicas === null) return;
  words.push('REPLICA');
  for (const { master, address } of replicas) words.push(master, address);
}

/** Takes pairs `<master> <address>` up to the end or a word that begins another section. */
export function* takeListedReplicas(
  cursor: WordCursor,
  section: AddressSection,
  meter: SliceMeter,
): Slices<WordsOutcome<readonly ListedReplica[]>> {
  const replicas: ListedReplica[] = [];
  for (let word = cursor.peek(); word !== undefined && !section.isEnd(word); word = cursor.peek()) {
    const place = `${section.name}[${replicas.length}]`;
    if (replicas.length >= section.nodesMax) {
      return refuseWords(`${place}: more than ${section.nodesMax} replicas`);
    }
    const master = takeAddress(cursor, 'master');
    if (!master.ok) return refuseWords(`${place}: ${master.message}`);
    const address = takeAddress(cursor, 'address');
    if (!address.ok) return refuseWords(`${place}: ${address.message}`);
    replicas.push({ master: master.value, address: address.value });
    if (meter.isFullAfter(PAIR_WEIGHT)) yield;
  }
  return accept(replicas);
}
