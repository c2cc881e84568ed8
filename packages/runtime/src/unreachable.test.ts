import { expect, it } from 'vitest';
import { unreachable } from './unreachable.ts';

it('throws with the value that slipped in', () => {
  const fromElsewhere: unknown = { kind: 'new' };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the types rule out is the point
  expect(() => unreachable(fromElsewhere as never)).toThrow('unreachable: {"kind":"new"}');
});
