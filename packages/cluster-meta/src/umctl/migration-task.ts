import assert from 'node:assert/strict';
import { accept, type Outcome } from '@undermoon/runtime';
import { parseClusterName } from '../cluster-name.ts';
import type { MigrationTask } from '../migration.ts';
import { quote } from '../quote.ts';
import { finishSlices, SliceMeter } from '../slices.ts';
import { DEFAULT_UMCTL_LIMITS, type UmctlLimits } from './limits.ts';
import { pushTaggedSlots, takeTaggedSlots } from './tagged-slots.ts';
import { refuseWords, takeWord, WordCursor } from './word-cursor.ts';
import { TextWords } from './word-list.ts';

/** One element of the reply to `UMCTL INFOMGR`: words with single blanks between. The task must have a tag. */
export function encodeMigrationTask(task: MigrationTask): string {
  assert(task.slots.tag.kind !== 'none', 'a migration task has a tag');
  const words: string[] = [task.clusterName];
  pushTaggedSlots(words, task.slots);
  return words.join(' ');
}

/** Reads one element of the reply to `UMCTL INFOMGR`. Words past the known ones are ignored. */
export function parseMigrationTask(
  text: string,
  limits: Partial<Pick<UmctlLimits, 'wordsMax'>> = {},
): Outcome<MigrationTask, 'InvalidArgs'> {
  const { wordsMax } = { ...DEFAULT_UMCTL_LIMITS, ...limits };
  const words = text.split(' ', wordsMax + 1);
  if (words.length > wordsMax) return refuseWords(`more than ${wordsMax} words`);
  const cursor = new WordCursor(new TextWords(words));
  const name = takeWord(cursor, 'cluster name');
  if (!name.ok) return name;
  const clusterName = parseClusterName(name.value);
  if (clusterName === null) {
    return refuseWords(`cluster name ${quote(name.value)}: not a cluster name`);
  }
  const slots = finishSlices(takeTaggedSlots(cursor, new SliceMeter()));
  if (!slots.ok) return slots;
  if (slots.value.tag.kind === 'none') return refuseWords('tag: not MIGRATING or IMPORTING');
  return accept({ clusterName, slots: slots.value });
}
