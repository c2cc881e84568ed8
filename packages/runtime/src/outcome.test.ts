import { expect, expectTypeOf, it } from 'vitest';
import { accept, refuse, type Outcome } from './outcome.ts';

function half(value: number): Outcome<number, 'ODD' | 'NEGATIVE'> {
  if (value < 0) return refuse('NEGATIVE', `${value} is below 0`);
  return value % 2 === 0 ? accept(value / 2) : refuse('ODD', `${value} is odd`);
}

it('carries a value', () => {
  expect(half(4)).toEqual({ ok: true, value: 2 });
});

it('carries a code out of a closed list, and a message', () => {
  const outcome = half(3);
  expect(outcome).toEqual({ ok: false, code: 'ODD', message: '3 is odd' });
  if (!outcome.ok) expectTypeOf(outcome.code).toEqualTypeOf<'ODD' | 'NEGATIVE'>();
});
