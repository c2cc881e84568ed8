import { describe, expect, test } from 'vitest';
import { serverSightsOf } from './server-sight.ts';

const MASTER = [
  'cluster:demo\n',
  'role:master\n',
  'node_address:10.0.1.1:7001\n',
  'replica:10.0.1.2:7002@10.0.1.2:6001\n',
];
const REPLICA = [
  'cluster:demo\n',
  'role:replica\n',
  'node_address:10.0.1.1:7002\n',
  'master:10.0.1.2:7001@10.0.1.2:6001\n',
];

describe('INFOREPL', () => {
  test('tells of each server whether it is missed, and when it was complete', () => {
    const outcome = serverSightsOf([
      [...MASTER, 'state:unreachable\n', 'missed_ms:1500\n', 'copied_ms:2100\n'],
      [...REPLICA, 'state:ok\n', 'missed_ms:0\n', 'copied_ms:-1\n'],
    ]);
    expect(outcome).toEqual({
      ok: true,
      value: [
        { node: '10.0.1.1:7001', master: null, missedMs: 1500, copiedMs: 2100 },
        { node: '10.0.1.1:7002', master: '10.0.1.2:7001', missedMs: 0, copiedMs: null },
      ],
    });
  });

  test('a proxy of 0.6.2 tells nothing of that', () => {
    expect(serverSightsOf([MASTER, REPLICA])).toEqual({ ok: true, value: [] });
    expect(serverSightsOf([])).toEqual({ ok: true, value: [] });
  });

  test.each([
    ['OK', 'expected an array'],
    [null, 'expected an array'],
    [[7], 'expected up to 256 lines'],
    [[[7]], 'expected up to 256 lines'],
    [[Array.from({ length: 257 }, () => 'a:b')], 'expected up to 256 lines'],
    [Array.from({ length: 65 }, () => MASTER), 'more than 64 servers'],
    [[[...MASTER, 'missed_ms:-1', 'copied_ms:1']], 'missed_ms is "-1"'],
    [[[...MASTER, `missed_ms:${'9'.repeat(16)}`, 'copied_ms:1']], 'missed_ms is "9'],
    [[[...MASTER, 'missed_ms:0']], 'copied_ms is "nothing"'],
    [[[...MASTER, 'missed_ms:0', 'copied_ms:soon']], 'copied_ms is "soon"'],
    [[['missed_ms:0', 'copied_ms:0']], 'node_address is "nothing"'],
    [[['node_address:x', 'missed_ms:0', 'copied_ms:0']], 'node_address is "x"'],
    [[['node_address:a:1', 'master:b', 'missed_ms:0', 'copied_ms:0']], 'master is "b"'],
  ])('a wrong one is refused with what is wrong (%#)', (value, message) => {
    const outcome = serverSightsOf(value);
    expect(outcome).toMatchObject({ ok: false, code: 'PROXY_BAD_REPLY' });
    expect(outcome.ok ? '' : outcome.message).toContain(message);
  });
});
