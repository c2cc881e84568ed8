import Table from 'cli-table3';
import type { Section } from './report.ts';

/** Tables for a terminal. */
export function renderText(sections: readonly Section[]): string {
  return sections.map(({ title, head, rows }) => `${title}\n${textTable(head, rows)}\n`).join('\n');
}

/** The same for a page. */
export function renderMarkdown(sections: readonly Section[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return sections
    .map(({ title, head, rows }) => {
      const rule = line(head.map(() => '---'));
      return `## ${title}\n\n${[line(head), rule, ...rows.map(line)].join('\n')}\n`;
    })
    .join('\n');
}

function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
  });
  // The name of a workload stands once, above its targets.
  let previous = '';
  for (const [first = '', ...others] of rows) {
    table.push([first === previous ? '' : first, ...others]);
    previous = first;
  }
  return table.toString();
}
