import { describe, expect, it } from 'vitest';

import { SAMPLE } from '../test/sample-program.ts';
import { replaceSettingsTable, settingsTable } from './docs-table.ts';
import { helpSections } from './help.ts';

describe('settingsTable', () => {
  const lines = settingsTable(SAMPLE).split('\n');
  const rows = lines.map((line) => line.replaceAll(/ +/g, ' '));

  it('has a row for each setting, under the heading of its group', () => {
    expect(rows).toContain(
      '| `slow_log_len` | number of entries from 1 to 1000000 | `1024` | How many slow commands are kept. |',
    );
    expect(rows).toContain(
      '| `strategy` | `disabled`, `fixed` | `disabled` | How writes are batched. Accepted without effect. |',
    );
    expect(rows).toContain(
      '| `announce_address` | host:port | the value of `address` | Its name for others. |',
    );
    const headings = lines.filter((line) => line.startsWith('#'));
    expect(headings).toEqual(['### sample: Network', '### sample: Limits', '### sample: Process']);
  });

  it('advises against secrets on command lines', () => {
    expect(rows.join()).toContain('Rather use `UNDERMOON_PASSWORD` than a flag.');
  });

  it('pads its columns', () => {
    const limits = lines.slice(lines.indexOf('### sample: Limits') + 2);
    const widths = limits.slice(0, limits.indexOf('')).map((line) => line.length);
    expect(widths).toHaveLength(6);
    expect(new Set(widths).size).toBe(1);
  });
});

describe('replaceSettingsTable', () => {
  const marks = '<!-- settings:sample -->\nold\n<!-- end of settings:sample -->';

  it('replaces what stands between the marks and nothing else', () => {
    const text = replaceSettingsTable(`before\n${marks}\nafter`, SAMPLE);
    expect(text).toBe(
      `before\n<!-- settings:sample -->\n\n${settingsTable(SAMPLE)}\n\n<!-- end of settings:sample -->\nafter`,
    );
    expect(replaceSettingsTable(text ?? '', SAMPLE)).toBe(text);
  });

  it('says when the marks are missing', () => {
    expect(replaceSettingsTable('nothing', SAMPLE)).toBeNull();
  });
});

describe('helpSections', () => {
  it('lists every flag with its default and keeps lines short', () => {
    const text = helpSections(SAMPLE, '1.2.3')
      .map(({ title, body }) => `${title ?? ''}\n${body}`)
      .join('\n');
    expect(text).toContain('sample 1.2.3');
    expect(text).toMatch(/--slow-log-len <number> +How many .*\. \(default: 1024 entries\)/);
    expect(text).toMatch(/--announce-address <host:port> +.* \(default: the value of `address`\)/);
    expect(text).toMatch(/-h, --help +Show this text\./);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(105);
  });
});
