import { expect, test } from 'vitest';
import { labelOf, labelText } from './connection-label.ts';

test('a label is read back, and all have one length', () => {
  const lengths = new Set<number>();
  for (const kind of ['trial', 'cluster', 'plain', 'replica', 'arrival'] as const) {
    for (const id of [0, 1, 4_294_967_296, 999_999_999_999_999]) {
      const text = labelText({ kind, id });
      expect(labelOf(text)).toEqual({ kind, id });
      lengths.add(text.length);
    }
  }
  expect([...lengths]).toHaveLength(1);
});
