import { describe, expect, it } from 'vitest';
import { hostOf, parseNodeAddress, portOf } from './node-address.ts';

describe('parseNodeAddress', () => {
  it.each([
    ['127.0.0.1:6379', '127.0.0.1', 6379],
    ['localhost:0', 'localhost', 0],
    ['server_proxy5:6005', 'server_proxy5', 6005],
    ['pod-0.svc.cluster.local:65535', 'pod-0.svc.cluster.local', 65_535],
    ['[::1]:7000', '::1', 7000],
    ['[fe80::1%eth0]:7000', 'fe80::1%eth0', 7000],
  ])('accepts %s', (text, host, port) => {
    const address = parseNodeAddress(text);
    expect(address).toBe(text);
    expect(hostOf(address!)).toBe(host);
    expect(portOf(address!)).toBe(port);
  });

  it.each<[unknown]>([
    [''],
    ['localhost'],
    [':6379'],
    ['localhost:'],
    ['localhost:x'],
    ['localhost:65536'],
    ['localhost:-1'],
    ['::1:7000'],
    ['[::1]'],
    ['[]:1'],
    ['a b:1'],
    ['a:1\r\n'],
    ['a\u0000b:1'],
    ['a\ud800:1'],
    [`${'a'.repeat(300)}:1`],
    [6379],
    [null],
  ])('refuses %j', (text) => {
    expect(parseNodeAddress(text)).toBeNull();
  });
});
