import { accept } from '@undermoon/runtime';
import { SLOT_COUNT } from '@undermoon/slots';
import { NO_TAG, type MigrationMeta, type MigrationTag, type TaggedSlots } from '../migration.ts';
import { quote } from '../quote.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import { RangeList } from './range-list.ts';
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
  const list = new RangeList();
  const tag = yield* takeSlots(cursor, list, meter);
  if (!tag.ok) return tag;
  list.normalizeFrom(0);
  return accept({ ranges: list.toRanges(0, list.length), tag: tag.value });
}

/** The same; the ranges go to `ranges` as they stand, the tag is returned. */
export function* takeSlots(
  cursor: WordCursor,
  ranges: RangeSink,
  meter: SliceMeter,
): Slices<WordsOutcome<MigrationTag>> {
  const kind = takeTagKind(cursor);
  const taken = yield* takeRanges(cursor, ranges, meter);
  if (!taken.ok) return taken;
  if (kind === 'none') return accept(NO_TAG);
  const meta = takeMigrationMeta(cursor);
  return meta.ok ? accept({ kind, meta: meta.value }) : meta;
}

/** Takes ranges whose ends are slots. */
interface RangeSink {
  addRange(start: number, end: number): void;
}

function takeTagKind(cursor: WordCursor): MigrationTag['kind'] {
  const word = cursor.peek();
  if (word === undefined || !/^(?:migrating|importing)$/i.test(word)) return 'none';
  cursor.next();
  return /^m/i.test(word) ? 'migrating' : 'importing';
}

function* takeRanges(
  cursor: WordCursor,
  ranges: RangeSink,
  meter: SliceMeter,
): Slices<WordsOutcome<null>> {
  const count = takeCount(cursor, 'slot range count', 1);
  if (!count.ok) return count;
  if (count.value > SLOT_COUNT) {
    return refuseWords(`slot range count ${count.value}: more than there are slots`);
  }
  for (let i = 0; i < count.value; i++) {
    const packed = cursor.nextRange();
    if (packed !== NOT_PLAIN) ranges.addRange(rangeStart(packed), rangeEnd(packed));
    else {
      const taken = takeUnusualRange(cursor.next() ?? '', ranges);
      if (!taken.ok) return taken;
    }
    if (meter.isFullAfter(1)) yield;
  }
  return accept(null);
}

function takeUnusualRange(word: string, ranges: RangeSink): WordsOutcome<null> {
  const match = /^(\d{1,20})-(\d{1,20})$/.exec(word);
  if (match === null) return refuseWords(`slot range ${quote(word)}: not start-end`);
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (Math.max(start, end) >= SLOT_COUNT) {
    return refuseWords(`slot range ${quote(word)}: not a slot (they end at ${SLOT_COUNT - 1})`);
  }
  ranges.addRange(start, end);
  return accept(null);
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
