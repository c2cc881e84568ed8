// Texts that say the same thing in two places, held together.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ImportTable } from '../src/package-graph.ts';
import { firstTypeScriptBlock } from '../src/readme-example.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const table = JSON.parse(read('tools/repo-checks/src/import-table.json')) as ImportTable;

/** The rows of the tables of docs/architecture.md whose first column is headed `title`, as cells. */
function rowsOf(title: string): string[][] {
  const lines = read('docs/architecture.md').split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${title} `));
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('docs/architecture.md', () => {
  it.each([
    ['package', 'packages'],
    ['app', 'apps'],
    ['tool', 'tools'],
  ] as const)('has the rows of import-table.json: %s', (title, folder) => {
    const expected = Object.entries(table[folder]).map(([name, { level, imports }]) => ({
      name: `\`${name}\``,
      level: level === undefined ? null : String(level),
      imports:
        imports
          .map((entry) => (entry === '*' ? 'any package' : `\`${entry.replace('tools/', '')}\``))
          .join(', ') || 'nothing',
    }));
    const found = rowsOf(title).map((cells) => ({
      name: cells[0],
      level: cells.length === 4 ? cells[1] : null,
      imports: cells.at(-1),
    }));
    expect(found).toEqual(expected);
  });
});

describe('README.md', () => {
  it('shows the example that the tests of proxy-core run', () => {
    expect(firstTypeScriptBlock(read('README.md'))).toBe(
      firstTypeScriptBlock(read('packages/proxy-core/README.md')),
    );
  });
});

describe('docs/README.md', () => {
  it('lists every page and every decision', () => {
    const index = read('docs/README.md');
    const pages = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter(
        (file) =>
          file.endsWith('.md') && file !== 'README.md' && !file.endsWith('0000-template.md'),
      )
      .map((file) => `](${file})`);
    expect(pages.filter((link) => !index.includes(link))).toEqual([]);
  });
});
