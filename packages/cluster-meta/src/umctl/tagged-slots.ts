import { accept } from '@undermoon/runtime';
import { normalizeRanges, SLOT_COUNT, type SlotRange, type SlotRanges } from '@undermoon/slots';
import { NO_TAG, type MigrationMeta, type MigrationTag, type TaggedSlots } from '../migration.ts';
import { quote } from '../quote.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import {
  refuseWords,
  takeAddress,
  takeCount,
  takeEpoch,
  type WordCursor,
  type WordsOutcome,
} from './word-cursor.ts';
import { NOT_PLAIN, rangeEnd, rangeStart } from './word-list.ts';

/** Appends `[MIGRATING|IMPORTING] <n> <s>-<e>*n [<epoch> <src…> <dst…>]`. */
export function pushTaggedSlots(words: string[], { ranges, tag }: TaggedSlots): void {
  if (tag.kind !== 'none') words.push(tag.kind === 'migrating' ? 'MIGRATING' : 'IMPORTING');
  words.push(String(ranges.length));
  for (const [start, end] of ranges) words.push(`${start}-${end}`);
  if (tag.kind === 'none') return;
  const { epoch, srcProxyAddress, srcNodeAddress, dstProxyAddress, dstNodeAddress } = tag.meta;
  words.push(String(epoch), srcProxyAddress, srcNodeAddress, dstProxyAddress, dstNodeAddress);
}

/** Takes what `pushTaggedSlots` wrote; the tag word in any case, the ranges in any order. */
export function* takeTaggedSlots(
  cursor: WordCursor,
  meter: SliceMeter,
): Slices<WordsOutcome<TaggedSlots>> {
  const kind = takeTagKind(cursor);
  const ranges = yield* takeRanges(cursor, meter);
  if (!ranges.ok) return ranges;
  if (kind === 'none') return accept({ ranges: ranges.value, tag: NO_TAG });
  const meta = takeMigrationMeta(cursor);
  return meta.ok ? accept({ ranges: ranges.value, tag: { kind, meta: meta.value } }) : meta;
}

function takeTagKind(cursor: WordCursor): MigrationTag['kind'] {
  const word = cursor.peek();
  if (word === undefined || !/^(?:migrating|importing)$/i.test(word)) return 'none';
  cursor.next();
  return /^m/i.test(word) ? 'migrating' : 'importing';
}

function* takeRanges(cursor: WordCursor, meter: SliceMeter): Slices<WordsOutcome<SlotRanges>> {
  const count = takeCount(cursor, 'slot range count', 1);
  if (!count.ok) return count;
  if (count.value > SLOT_COUNT) {
    return refuseWords(`slot range count ${count.value}: more than there are slots`);
  }
  const ranges: SlotRange[] = [];
  for (let i = 0; i < count.value; i++) {
    const packed = cursor.nextRange();
    if (packed !== NOT_PLAIN) ranges.push([rangeStart(packed), rangeEnd(packed)]);
    else {
      const range = takeUnusualRange(cursor.next() ?? '');
      if (!range.ok) return range;
      ranges.push(range.value);
    }
    if (meter.isFullAfter(1)) yield;
  }
  return accept(normalizeRanges(ranges) ?? []);
}

function takeUnusualRange(word: string): WordsOutcome<SlotRange> {
  const match = /^(\d{1,20})-(\d{1,20})$/.exec(word);
  if (match === null) return refuseWords(`slot range ${quote(word)}: not start-end`);
  const range: SlotRange = [Number(match[1]), Number(match[2])];
  if (Math.max(...range) >= SLOT_COUNT) {
    return refuseWords(`slot range ${quote(word)}: not a slot (they end at ${SLOT_COUNT - 1})`);
  }
  return accept(range);
}

function takeMigrationMeta(cursor: WordCursor): WordsOutcome<MigrationMeta> {
  const epoch = takeEpoch(cursor);
  if (!epoch.ok) return epoch;
  const srcProxy = takeAddress(cursor, 'source proxy address');
  if (!srcProxy.ok) return srcProxy;
  const srcNode = takeAddress(cursor, 'source node address');
  if (!srcNode.ok) return srcNode;
  const dstProxy = takeAddress(cursor, 'destination proxy address');
  if (!dstProxy.ok) return dstProxy;
  const dstNode = takeAddress(cursor, 'destination node address');
  if (!dstNode.ok) return dstNode;
  return accept({
    epoch: epoch.value,
    srcProxyAddress: srcProxy.value,
    srcNodeAddress: srcNode.value,
    dstProxyAddress: dstProxy.value,
    dstNodeAddress: dstNode.value,
  });
}
