import { unreachable } from '@undermoon/runtime';

import { settingsOf } from './common-settings.ts';
import type { Program, SettingDefinition } from './definition.ts';
import { flagOf, SWITCHES } from './flags.ts';

/** A part of a help text, in the form that cac's help callback takes. */
export interface HelpSection {
  title?: string;
  body: string;
}

/** One flag for a list of flags: how it is written and what it does. */
export interface FlagHelp {
  readonly flag: string;
  readonly doc: string;
}

const LINE_WIDTH = 100;

/** All flags of a program in their order: its settings by group, then the switches. */
export function flagsByGroup(program: Program): ReadonlyMap<string, readonly FlagHelp[]> {
  const groups = new Map<string, FlagHelp[]>();
  for (const [key, definition] of settingsOf(program)) {
    const flags = groups.get(definition.group) ?? [];
    flags.push({ flag: writtenFlag(key, definition), doc: helpDoc(definition) });
    groups.set(definition.group, flags);
  }
  const switches = SWITCHES.map(({ flag, short, doc }) => ({
    flag: short === undefined ? flag : `${short}, ${flag}`,
    doc,
  }));
  return groups.set('This run', switches);
}

/** The help text of a program, grouped, with the default of every setting. */
export function helpSections(program: Program, version: string): HelpSection[] {
  const groups = [...flagsByGroup(program)];
  const width = Math.max(...groups.flatMap(([, flags]) => flags.map(({ flag }) => flag.length)));
  return [
    { body: `${program.name} ${version}\n${program.summary}` },
    { title: 'Usage', body: `  ${program.name} [file.toml] [flags]` },
    ...groups.map(([title, flags]) => ({
      title,
      body: flags.map((entry) => flagLines(entry, width)).join('\n'),
    })),
    {
      title: 'Sources',
      body: '  Flags win over UNDERMOON_<KEY> variables, variables over the file, the file over the defaults.',
    },
    {
      title: 'Exit codes',
      body: '  0 stopped as asked; 1 failed while starting or running; 2 wrong flags or settings',
    },
  ];
}

function writtenFlag(key: string, definition: SettingDefinition): string {
  switch (definition.type) {
    case 'bool':
      return flagOf(key);
    case 'int':
      return `${flagOf(key)} <number>`;
    case 'enum':
      return `${flagOf(key)} <${definition.values.join('|')}>`;
    case 'string':
      return `${flagOf(key)} <text>`;
    case 'address':
      return `${flagOf(key)} <host:port>`;
    case 'list':
      return `${flagOf(key)} <host:port,…>`;
    default:
      return unreachable(definition);
  }
}

function helpDoc(definition: SettingDefinition): string {
  const unit = definition.type === 'int' && definition.unit ? ` ${definition.unit}` : '';
  const effect = definition.withoutEffect === true ? ' No effect in this version.' : '';
  return `${definition.doc}${effect} (default: ${defaultText(definition)}${unit})`;
}

/** The default for people: the value, or what no value means. Secrets are masked. */
export function defaultText(definition: SettingDefinition): string {
  if (definition.default === null) return definition.unset ?? 'none';
  if (definition.secret === true) return 'not shown';
  if (typeof definition.default === 'object') return definition.default.join(',') || 'none';
  return definition.default === '' ? 'none' : String(definition.default);
}

// Long explanations go on below themselves.
function flagLines({ flag, doc }: FlagHelp, width: number): string {
  const indent = ' '.repeat(width + 4);
  const lines: string[] = [];
  let line = `  ${flag.padEnd(width)} `;
  for (const word of doc.split(' ')) {
    if (line.length + 1 + word.length > LINE_WIDTH && line.trim() !== '') {
      lines.push(line);
      line = indent.slice(1);
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
