import { stringify } from 'smol-toml';

import { settingsOf } from './common-settings.ts';
import type {
  Program,
  SettingDefinition,
  SettingDefinitions,
  SettingSource,
  SettingValue,
} from './definition.ts';
import type { Settings } from './read-settings.ts';
import { MASK } from './show-value.ts';

/**
 * The settings in effect as a TOML file that could be read again: one line for each, with its source
 * as a comment. Secrets are masked; a setting without a value, or a secret that has its default, is a
 * comment, so that the output for the defaults is a file that means the defaults.
 */
export function printConfig<D extends SettingDefinitions>(
  program: Program<D>,
  settings: Settings<D>,
): string {
  const values: Readonly<Record<string, SettingValue>> = settings.values;
  const lines = [`# Settings of ${program.name} in effect`];
  let group = '';
  for (const [key, definition] of settingsOf(program)) {
    if (definition.group !== group) {
      group = definition.group;
      lines.push('', `# ${group}`);
    }
    const source = settings.sources.get(key) ?? { kind: 'default' };
    const entry = entryOf(key, definition, values[key] ?? null);
    const isHidden = definition.secret === true && source.kind === 'default';
    lines.push(`${isHidden && !entry.startsWith('#') ? '# ' : ''}${entry} # ${sourceText(source)}`);
  }
  return `${lines.join('\n')}\n`;
}

function entryOf(key: string, definition: SettingDefinition, value: SettingValue): string {
  if (value === null) return `# ${key} is not set: ${definition.unset ?? 'none'}`;
  const shown = definition.secret === true ? MASK : value;
  return stringify({ [key]: shown }).trimEnd();
}

function sourceText(source: SettingSource): string {
  // A comment must not hold control characters, which a path may.
  return source.kind === 'default' ? 'default' : source.name.replaceAll(/\p{Cc}/gu, '?');
}
