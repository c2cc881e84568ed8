import { accept } from '@undermoon/runtime';
import { applyConfigField, clusterConfigFields } from '../cluster-config-fields.ts';
import { DEFAULT_CLUSTER_CONFIG, type ClusterConfig } from '../cluster-config.ts';
import { quote } from '../quote.ts';
import type { SliceMeter, Slices } from '../slices.ts';
import { refuseWords, type WordCursor, type WordsOutcome } from './word-cursor.ts';

const WARNINGS_SHOWN_MAX = 5;
/** What a field costs, in items of a slice. */
const FIELD_WEIGHT = 4;

/** A configuration read leniently, with a sentence about what was skipped, or null. */
export interface LenientConfig {
  readonly config: ClusterConfig;
  readonly warning: string | null;
}

/**
 * Takes `<field> <value>` pairs up to the end or the next section. Newer senders may know more fields
 * and values than this reader: an unknown field is skipped, a known one with an invalid value gets its
 * default, and the warning names both.
 */
export function* takeConfig(
  cursor: WordCursor,
  isSectionEnd: (word: string) => boolean,
  meter: SliceMeter,
): Slices<WordsOutcome<LenientConfig>> {
  let config = DEFAULT_CLUSTER_CONFIG;
  const faults: string[] = [];
  let faultCount = 0;
  for (let field = cursor.peek(); field !== undefined; field = cursor.peek()) {
    if (isSectionEnd(field)) break;
    cursor.next();
    const value = cursor.next();
    if (value === undefined) return refuseWords(`config: field ${quote(field)} has no value`);
    const changed = applyConfigField(config, field, value);
    if (changed.ok) config = changed.value;
    else {
      faultCount += 1;
      if (faultCount <= WARNINGS_SHOWN_MAX) faults.push(changed.message);
      if (changed.code === 'INVALID_VALUE') config = resetField(config, field);
    }
    if (meter.isFullAfter(FIELD_WEIGHT)) yield;
  }
  return accept({ config, warning: configWarning(faults, faultCount) });
}

/** One sentence about the faults, of bounded length; null when there are none. The first few faults are enough. */
export function configWarning(
  faults: readonly string[],
  faultCount: number = faults.length,
): string | null {
  if (faultCount === 0) return null;
  const more = faultCount - WARNINGS_SHOWN_MAX;
  const shown = faults.slice(0, WARNINGS_SHOWN_MAX).join('; ');
  return `ignored invalid config: ${shown}${more > 0 ? `; and ${more} more` : ''}`;
}

function resetField(config: ClusterConfig, field: string): ClusterConfig {
  const name = field.toLowerCase();
  if (name === 'split_commands') {
    return { ...config, splitCommands: DEFAULT_CLUSTER_CONFIG.splitCommands };
  }
  const initial = clusterConfigFields(DEFAULT_CLUSTER_CONFIG).find(([known]) => known === name);
  if (initial === undefined) return config;
  const reset = applyConfigField(config, ...initial);
  return reset.ok ? reset.value : config;
}
