import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesGlob } from './glob.ts';

test.each([
  ['*', '', true],
  ['*', 'save', true],
  ['s*', 'save', true],
  ['*ve', 'save', true],
  ['s*v*', 'save', true],
  ['s?ve', 'save', true],
  ['s?ve', 'sve', false],
  ['SAVE', 'save', false],
  ['s\u00ff*', 's\u00ff\u0000', true],
  ['save', 'saves', false],
  ['', 'save', false],
  ['', '', true],
  ['s[abc]ve', 'save', true],
  ['s[^abc]ve', 'save', false],
  ['s[^x]ve', 'save', true],
  ['s[b-z]ve', 'save', false],
  ['s[z-a]ve', 'save', true],
  ['s[a', 'sa', true],
  ['s[]ave', 'save', false],
  [String.raw`s\ave`, 'save', true],
  [String.raw`\*`, '*', true],
  [String.raw`\*`, 'a', false],
  [String.raw`[\]]`, ']', true],
  ['a*b*c', 'aXbXbXc', true],
  ['a*b*c', 'aXbXbX', false],
])('glob %j on %j: %s', (pattern, text, expected) => {
  expect(matchesGlob(pattern, text)).toBe(expected);
});

test('a hostile pattern takes no exponential time', () => {
  const started = process.cpuUsage().user;
  expect(matchesGlob('*a'.repeat(200), `${'a'.repeat(5000)}b`)).toBe(false);
  expect(process.cpuUsage().user - started).toBeLessThan(3_000_000);
});

test('any pattern on any text ends, and a text with its special characters escaped matches itself', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (pattern, text) => {
      matchesGlob(pattern, text);
      const escaped = text.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`);
      expect(matchesGlob(escaped, text)).toBe(true);
    }),
  );
});
