import { expect, it } from 'vitest';
import { unreachable } from './unreachable.ts';

it('throws with the value that slipped in', () => {
  const fromElsewhere: unknown = { kind: 'new' };
  expect(() => unreachable(fromElsewhere as never)).toThrow('unreachable: {"kind":"new"}');
});
