import { expect, test } from 'vitest';
import { chooseTransports } from './choose-transports.ts';
import { Arena } from './slab.ts';

test.each(['raw-handle', 'shared-buffer', 'data-events'] as const)(
  'this runtime can use sockets by %s',
  async (kind) => {
    expect((await chooseTransports(kind, new Arena())).kind).toBe(kind);
  },
);

test('a runtime without the binding gets the next slower way', async () => {
  const binding: unknown = Reflect.get(process, 'binding');
  const throwing = (): never => {
    throw new Error('no such binding');
  };
  for (const replacement of [undefined, () => ({}), throwing]) {
    Reflect.set(process, 'binding', replacement);
    expect((await chooseTransports('raw-handle', new Arena())).kind).toBe('shared-buffer');
  }
  Reflect.set(process, 'binding', binding);
});
