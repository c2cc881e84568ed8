import { Buffer } from 'node:buffer';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import { expect, test } from 'vitest';
import { isNamed, redirectionOf } from './redirection.ts';

test.each([
  ['-MOVED 0 127.0.0.1:7000\r\n', { slot: 0, named: '127.0.0.1:7000' }],
  ['-MOVED 16383 proxy.example:1\r\n', { slot: 16_383, named: 'proxy.example:1' }],
  ['-MOVED 5 2001:db8::1:7000\r\n', { slot: 5, named: '2001:db8::1:7000' }],
  ['-MOVED 16384 127.0.0.1:7000\r\n', null],
  ['-MOVED x 127.0.0.1:7000\r\n', null],
  ['-MOVED 5\r\n', null],
  ['-MOVED\r\n', null],
  ['-ERR MOVED 5 127.0.0.1:7000\r\n', null],
  ['+MOVED 5 127.0.0.1:7000\r\n', null],
  ['-CLUSTERDOWN Hash slot not served\r\n', { slot: null, named: null }],
  ['-ERR_CLUSTER_NOT_FOUND\r\n', { slot: null, named: null }],
  ['-CLUSTERDOWN Hash slot not served: cannot reach 127.0.0.1:7000\r\n', null],
])('%j', (reply, expected) => {
  expect(redirectionOf(Buffer.from(reply))).toEqual(expected);
});

test.each([
  ['127.0.0.1:7000', '127.0.0.1:7000', true],
  ['127.0.0.1:7000', '127.0.0.1:7001', false],
  ['2001:db8::1:7000', '[2001:db8::1]:7000', true],
])('%s names %s: %s', (named, address, expected) => {
  const parsed = parseNodeAddress(address);
  expect(parsed !== null && isNamed({ slot: 0, named }, parsed)).toBe(expected);
  expect(parsed !== null && isNamed({ slot: null, named: null }, parsed)).toBe(false);
});
