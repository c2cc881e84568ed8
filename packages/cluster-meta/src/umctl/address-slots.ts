import { accept } from '@undermoon/runtime';
import type { TaggedSlots } from '../migration.ts';
import type { NodeAddress } from '../node-address.ts';
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

/**
 * Takes items up to the end or a word that begins another section. Items of one address are gathered
 * into one entry, in the order of first appearance. `section` names the part in messages.
 */
export function takeAddressSlots(
  cursor: WordCursor,
  section: string,
  isSectionEnd: (word: string) => boolean,
): WordsOutcome<AddressSlots[]> {
  const slotsOf = new Map<NodeAddress, TaggedSlots[]>();
  let index = 0;
  for (let word = cursor.peek(); word !== undefined && !isSectionEnd(word); word = cursor.peek()) {
    const address = takeAddress(cursor, 'address');
    if (!address.ok) return refuseWords(`${section}[${index}]: ${address.message}`);
    const slots = takeTaggedSlots(cursor);
    if (!slots.ok) return refuseWords(`${section}[${index}]: ${slots.message}`);
    const known = slotsOf.get(address.value);
    if (known === undefined) slotsOf.set(address.value, [slots.value]);
    else known.push(slots.value);
    index += 1;
  }
  return accept([...slotsOf].map(([address, slots]) => ({ address, slots })));
}
