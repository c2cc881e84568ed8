import { accept } from '@undermoon/runtime';
import type { NodeAddress } from '../node-address.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import type { AddressSlots } from './commands.ts';
import { PackedSlots } from './packed-slots.ts';
import { pushTaggedSlots, takeSlots } from './tagged-slots.ts';
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

/** Which part of a command items belong to. */
export interface AddressSection {
  /** Names the part in messages. */
  readonly name: string;
  /** Addresses it may name. */
  readonly nodesMax: number;
  /** Whether a word begins another part. */
  readonly isEnd: (word: string) => boolean;
}

/** Takes items up to the end or a word that begins another section. */
export function* takeAddressSlots(
  cursor: WordCursor,
  section: AddressSection,
  meter: SliceMeter,
): Slices<WordsOutcome<PackedSlots>> {
  const packed = new PackedSlots();
  const known = new Map<string, NodeAddress>();
  for (let word = cursor.peek(); word !== undefined && !section.isEnd(word); word = cursor.peek()) {
    const place = `${section.name}[${packed.length}]`;
    const address = takeKnownAddress(cursor, word, known);
    if (!address.ok) return refuseWords(`${place}: ${address.message}`);
    if (known.size > section.nodesMax) {
      return refuseWords(`${place}: more than ${section.nodesMax} addresses`);
    }
    const tag = yield* takeSlots(cursor, packed, meter);
    if (!tag.ok) return refuseWords(`${place}: ${tag.message}`);
    packed.addItem(address.value, tag.value);
    if (meter.isFullAfter(ITEM_WEIGHT)) yield;
  }
  return accept(packed);
}

/** Takes the address `word`; one that is known has been checked before, and one text for all its items is enough. */
function takeKnownAddress(
  cursor: WordCursor,
  word: string,
  known: Map<string, NodeAddress>,
): WordsOutcome<NodeAddress> {
  const before = known.get(word);
  if (before !== undefined) {
    cursor.next();
    return accept(before);
  }
  const address = takeAddress(cursor, 'address');
  if (address.ok) known.set(word, address.value);
  return address;
}
