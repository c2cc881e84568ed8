import { expect, test } from 'vitest';
import { scriptWrites } from './script-flags.ts';

test.each([
  ['return 1', false],
  ['', false],
  ['#', false],
  ['#!lua', true],
  ['#!lua\nreturn 1', true],
  ['#!lua flags=no-writes\nreturn 1', false],
  ['#!lua name=x flags=allow-stale,no-writes', false],
  ['#!lua flags=allow-oom\n-- flags=no-writes', true],
  ['return 1 -- #!lua', false],
])('%j may write: %s', (text, isWrite) => {
  const bytes = Buffer.from(`junk${text}\n#!lua`);
  expect(scriptWrites(bytes, 4, 4 + text.length)).toBe(isWrite);
});
