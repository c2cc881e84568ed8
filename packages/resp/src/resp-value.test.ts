import { expect, it } from 'vitest';
import { textOf } from './resp-value.ts';

it('gives the text of simple, bulk, verbatim and integer values only', () => {
  expect(textOf({ type: 'simple', value: 'OK' })).toBe('OK');
  expect(textOf({ type: 'bulk', value: Buffer.from('é') })).toBe('é');
  expect(textOf({ type: 'verbatim', format: 'txt', value: Buffer.from('v') })).toBe('v');
  expect(textOf({ type: 'integer', value: 5 })).toBe('5');
  expect(textOf({ type: 'integer', value: 2n ** 60n })).toBe('1152921504606846976');
  expect(textOf({ type: 'null' })).toBe(null);
  expect(textOf({ type: 'error', value: 'ERR' })).toBe(null);
  expect(textOf({ type: 'array', items: [] })).toBe(null);
  expect(textOf({ type: 'double', value: 1 })).toBe(null);
});
