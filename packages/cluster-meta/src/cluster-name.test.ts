import { describe, expect, it } from 'vitest';
import { parseClusterName } from './cluster-name.ts';

describe('parseClusterName', () => {
  it.each(['a', 'demo', 'My-Cluster_1@eu', 'x'.repeat(31)])('accepts %s', (text) => {
    expect(parseClusterName(text)).toBe(text);
  });

  it.each<[unknown]>([[''], ['x'.repeat(32)], ['a b'], ['ä'], ['a\n'], ['a/b'], [null], [1]])(
    'refuses %j',
    (text) => {
      expect(parseClusterName(text)).toBeNull();
    },
  );
});
