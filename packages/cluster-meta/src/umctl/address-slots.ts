import { accept } from '@undermoon/runtime';
import type { TaggedSlots } from '../migration.ts';
import type { NodeAddress } from '../node-address.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import type { AddressSlots } from './commands.ts';
import { pushTaggedSlots, takeTaggedSlots } from './tagged-slots.ts';
import { refuseWords, takeAddress, type WordCursor, type WordsOutcome } from './word-cursor.ts';

/** Appends one `<address> <slots>` item per entry of `slots`. An address without any leaves no trace. */
export function pushAddressSlots(words: string[], list: readonly AddressSlots[]): void {
  for (const { address, slots } of list) {
    for (const item of slots) {
      words.push(address);
      pushTaggedSlots(words, item);
    }
  }
}

/** What an item costs beside its ranges, in items of a slice. */
const ITEM_WEIGHT = 3;

interface Entry {
  readonly address: NodeAddress;
  readonly slots: TaggedSlots[];
}

/** Which part of a command items belong to. */
export interface AddressSection {
  /** Names the part in messages. */
  readonly name: string;
  /** Addresses it may name. */
  readonly nodesMax: number;
  /** Whether a word begins another part. */
  readonly isEnd: (word: string) => boolean;
}

/**
 * Takes items up to the end or a word that begins another section. Items of one address are gathered
 * into one entry, in the order of first appearance.
 */
export function* takeAddressSlots(
  cursor: WordCursor,
  section: AddressSection,
  meter: SliceMeter,
): Slices<WordsOutcome<readonly AddressSlots[]>> {
  const entries = new Map<string, Entry>();
  let index = 0;
  for (let word = cursor.peek(); word !== undefined && !section.isEnd(word); word = cursor.peek()) {
    const entry = takeEntry(cursor, word, entries);
    if (!entry.ok) return refuseWords(`${section.name}[${index}]: ${entry.message}`);
    if (entries.size > section.nodesMax) {
      return refuseWords(`${section.name}[${index}]: more than ${section.nodesMax} addresses`);
    }
    const slots = yield* takeTaggedSlots(cursor, meter);
    if (!slots.ok) return refuseWords(`${section.name}[${index}]: ${slots.message}`);
    entry.value.slots.push(slots.value);
    index += 1;
    if (meter.isFullAfter(ITEM_WEIGHT)) yield;
  }
  return accept([...entries.values()]);
}

/** Takes the address `word`; one that is known has been checked before. */
function takeEntry(
  cursor: WordCursor,
  word: string,
  entries: Map<string, Entry>,
): WordsOutcome<Entry> {
  const known = entries.get(word);
  if (known !== undefined) {
    cursor.next();
    return accept(known);
  }
  const address = takeAddress(cursor, 'address');
  if (!address.ok) return address;
  const entry: Entry = { address: address.value, slots: [] };
  entries.set(word, entry);
  return accept(entry);
}
