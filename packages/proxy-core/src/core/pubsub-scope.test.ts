import { expect, test } from 'vitest';
import { isClusterWide } from './pubsub-scope.ts';

const NODE = { isPlain: false, isPeerLink: false };
const PLAIN = { isPlain: true, isPeerLink: false };

test.each([
  ['channel', 'news', NODE, true],
  ['pattern', '*', NODE, true],
  ['channel', '__keyspace@0__:a', NODE, false],
  ['pattern', '__keyevent@0__:*', NODE, false],
  ['pattern', '__key*', NODE, true],
  ['channel', '__keyspace@0__:a', PLAIN, true],
  ['shard', 'news', PLAIN, false],
  ['channel', 'news', { isPlain: true, isPeerLink: true }, false],
] as const)('%s %s of %o is for the whole cluster: %s', (kind, name, listener, expected) => {
  expect(isClusterWide(kind, name, listener)).toBe(expected);
});
