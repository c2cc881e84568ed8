import { expect, it } from 'vitest';
import { peerText } from './transport.ts';

it('writes addresses as Redis does, also that of a peer that has gone', () => {
  expect(peerText('127.0.0.1', 6379)).toBe('127.0.0.1:6379');
  expect(peerText('::1', 6379)).toBe('[::1]:6379');
  // CLIENT KILL "" would find an empty one.
  expect(peerText(undefined, undefined)).toBe('?:0');
});
