// docs/configuration.md has what CONFIG GET answers.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import { expect, test } from 'vitest';
import {
  type ConfigParameter,
  FIXED_PARAMETERS,
  portParameters,
} from '../src/core/config-table.ts';
import { SERVER_PARAMETERS, serverNameOf } from '../src/core/server-parameters.ts';
import { resolveOptions } from '../src/options.ts';
import { configSourceOf } from '../src/shell/admin-config.ts';

const PAGE = new URL('../../../docs/configuration.md', import.meta.url);
const BEGIN = '<!-- CONFIG GET -->';
const END = '<!-- end of CONFIG GET -->';

function parameters(): ConfigParameter[] {
  const address = parseNodeAddress('127.0.0.1:5299')!;
  const nothing = (): void => undefined;
  const own = configSourceOf(
    resolveOptions({}),
    { address, replicaAddress: null },
    nothing,
    nothing,
  );
  const all = [...own, ...FIXED_PARAMETERS, ...portParameters(false), ...SERVER_PARAMETERS];
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const settingOf = ({ name }: ConfigParameter): string => name.replaceAll('-', '_');

/** Columns are padded as the repository's formatter pads them, so that it leaves the table alone. */
function table(): string {
  const rows = parameters().map((parameter) => [
    `\`${parameter.name}\``,
    parameter.meaning ?? `The setting \`${settingOf(parameter)}\`.`,
    typeof parameter.write === 'string' && serverNameOf(parameter.name) === null ? 'no' : 'yes',
  ]);
  const header = ['Name', 'Value', 'Changed by `CONFIG SET`'];
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [header, rule, ...rows].map(line).join('\n');
}

test('docs/configuration.md has the table of parameters (UPDATE_DOCS=1 writes it)', () => {
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  expect(from).toBeGreaterThan(0);
  const head = page.slice(0, from + BEGIN.length);
  const wanted = `${head}\n\n${table()}\n\n${page.slice(to)}`;
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, wanted);
  else expect(page).toBe(wanted);
});

test('each parameter is there once and has a meaning: its own, or that of the setting', () => {
  const page = readFileSync(PAGE, 'utf8');
  const names = parameters().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const unknown = parameters().filter((parameter) => {
    return parameter.meaning === null && !page.includes(`\n| \`${settingOf(parameter)}\` `);
  });
  expect(unknown.map(({ name }) => name)).toEqual([]);
  expect(names.filter((name) => /pass|user/.test(name))).toEqual([]);
});
