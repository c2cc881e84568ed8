import { unreachable } from '@undermoon/runtime';

import { rangeOf } from './coerce.ts';
import { settingsOf } from './common-settings.ts';
import type { Program, SettingDefinition } from './definition.ts';
import { variableOf } from './environment.ts';
import { defaultText } from './help.ts';

/** The documentation of a program's settings in Markdown: one table for each group. */
export function settingsTable(program: Program): string {
  const groups = new Map<string, string[][]>();
  for (const [key, definition] of settingsOf(program)) {
    const rows = groups.get(definition.group) ?? [];
    rows.push(rowOf(key, definition));
    groups.set(definition.group, rows);
  }
  const parts = [...groups].map(([group, rows]) => {
    return `### ${program.name}: ${group}\n\n${markdownTable([HEADER, ...rows])}`;
  });
  return parts.join('\n\n');
}

/**
 * The text with what stands between `<!-- settings:NAME -->` and `<!-- end of settings:NAME -->`
 * replaced by the program's tables. Null when the two marks are not in it.
 */
export function replaceSettingsTable(markdown: string, program: Program): string | null {
  const begin = `<!-- settings:${program.name} -->`;
  const end = `<!-- end of settings:${program.name} -->`;
  const from = markdown.indexOf(begin);
  const to = markdown.indexOf(end, from);
  if (from === -1 || to === -1) return null;
  const head = markdown.slice(0, from + begin.length);
  return `${head}\n\n${settingsTable(program)}\n\n${markdown.slice(to)}`;
}

const HEADER = ['Key', 'Type', 'Default', 'Meaning'];

function rowOf(key: string, definition: SettingDefinition): string[] {
  const isWord = definition.default !== null && definition.secret !== true;
  const usual = defaultText(definition);
  const effect = definition.withoutEffect === true ? ' Accepted without effect.' : '';
  const secret =
    definition.secret === true ? ` Rather use \`${variableOf(key)}\` than a flag.` : '';
  return [
    `\`${key}\``,
    typeText(definition),
    isWord && usual !== 'none' ? `\`${usual}\`` : usual,
    `${definition.doc}${effect}${secret}`,
  ].map((cell) => cell.replaceAll('|', '\\|'));
}

function typeText(definition: SettingDefinition): string {
  switch (definition.type) {
    case 'string':
      return 'text';
    case 'int':
      return `number${rangeOf(definition)}`;
    case 'bool':
      return '`true` or `false`';
    case 'address':
      return 'host:port';
    case 'list':
      return 'list of host:port';
    case 'enum':
      return definition.values.map((value) => `\`${value}\``).join(', ');
    default:
      return unreachable(definition);
  }
}

// Columns are padded as the repository's formatter pads them, so that it leaves the tables alone.
function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = HEADER.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map(
    (row) => `| ${widths.map((w, i) => (row[i] ?? '').padEnd(w)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [...lines.slice(0, 1), rule, ...lines.slice(1)].join('\n');
}
