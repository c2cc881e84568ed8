import { parseSetRepl, type ReplEntry } from '@undermoon/cluster-meta';
import type { RespValue } from '@undermoon/resp';
import { describe, expect, test } from 'vitest';
import {
  actionWords,
  healthOf,
  nextAction,
  NOT_OBSERVED,
  parseRoleReply,
  type ObservedRole,
} from './replication.ts';

function wanted(line: string): ReplEntry {
  const words = line.split(' ').map((word) => (word === '""' ? '' : word));
  const parsed = parseSetRepl(['1', 'NOFLAG', ...words]);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value.entries[0]!;
}

const MASTER = wanted('master db 10.0.0.1:7001 1 10.0.0.2:7004 10.0.0.2:5299');
const REPLICA = wanted('replica db 10.0.0.1:7002 1 10.0.0.2:7003 10.0.0.2:5299');
const REPLICA_V6 = wanted('replica db [::1]:7002 1 [::2]:7003 [::2]:5299');
const ORPHAN = wanted('replica db 10.0.0.1:7002 0');

const seen = { host: 'h', port: 1, offset: 5 };
const master: ObservedRole = { kind: 'master', offset: 10, replicas: [seen] };
const down: ObservedRole = { kind: 'unreachable', reason: 'x' };
function follows(host: string, port: number, link: 'connected' | 'connect' | 'sync'): ObservedRole {
  return { kind: 'replica', masterHost: host, masterPort: port, link, offset: 10 };
}
const NONE = { kind: 'none' };
const PROMOTE = { kind: 'promote' };
const FOLLOW = { kind: 'follow', host: '10.0.0.2', port: 7003 };

describe('wanted × observed', () => {
  test.each([
    ['master', MASTER, master, 'ok', NONE],
    ['master', MASTER, follows('10.0.0.2', 7004, 'connected'), 'wrong-role', PROMOTE],
    ['master', MASTER, follows('10.0.0.2', 7004, 'sync'), 'wrong-role', PROMOTE],
    ['master', MASTER, NOT_OBSERVED, 'unknown', PROMOTE],
    ['master', MASTER, down, 'unreachable', NONE],
    ['replica', REPLICA, master, 'wrong-role', FOLLOW],
    ['replica', REPLICA, follows('10.0.0.2', 7003, 'connected'), 'ok', NONE],
    ['replica', REPLICA, follows('10.0.0.2', 7003, 'connect'), 'link-down', NONE],
    ['replica', REPLICA, follows('10.0.0.2', 7003, 'sync'), 'link-down', NONE],
    ['replica', REPLICA, follows('10.0.0.2', 7004, 'connected'), 'wrong-master', FOLLOW],
    ['replica', REPLICA, follows('10.0.0.9', 7003, 'connected'), 'wrong-master', FOLLOW],
    ['replica', REPLICA, NOT_OBSERVED, 'unknown', FOLLOW],
    ['replica', REPLICA, down, 'unreachable', NONE],
    ['replica of IPv6', REPLICA_V6, follows('::2', 7003, 'connected'), 'ok', NONE],
    ['replica of IPv6', REPLICA_V6, master, 'wrong-role', { ...FOLLOW, host: '::2' }],
    ['replica of nobody', ORPHAN, master, 'no-master-named', NONE],
  ] as const)('%s %#', (_, entry, observed, health, action) => {
    expect(healthOf(entry, observed)).toBe(health);
    expect(nextAction(entry, observed)).toEqual(action);
  });

  test('an action brings the server to where no further action is due', () => {
    for (const entry of [MASTER, REPLICA]) {
      const action = nextAction(entry, follows('elsewhere', 1, 'connected'));
      const after: ObservedRole =
        action.kind === 'follow' ? follows(action.host, action.port, 'connect') : master;
      expect(nextAction(entry, after)).toEqual(NONE);
    }
  });
});

const bulk = (text: string): RespValue => ({ type: 'bulk', value: Buffer.from(text) });
const array = (...items: RespValue[]): RespValue => ({ type: 'array', items });
const integer = (value: number): RespValue => ({ type: 'integer', value });

test.each([
  [array(bulk('master'), integer(123), array()), { kind: 'master', offset: 123, replicas: [] }],
  [
    array(bulk('master'), integer(5), array(array(bulk('h'), bulk('1'), bulk('5')))),
    { kind: 'master', offset: 5, replicas: [seen] },
  ],
  [
    array(bulk('slave'), bulk('::1'), integer(7001), bulk('connected'), integer(9)),
    { kind: 'replica', masterHost: '::1', masterPort: 7001, link: 'connected', offset: 9 },
  ],
  [
    array(bulk('slave'), bulk('h'), integer(7001), bulk('newstate'), integer(-1)),
    { kind: 'replica', masterHost: 'h', masterPort: 7001, link: 'none', offset: -1 },
  ],
  [
    { type: 'error', value: 'NOAUTH no' },
    { kind: 'unknown', reason: 'NOAUTH no' },
  ],
  [array(bulk('sentinel'), array()), { kind: 'unknown' }],
  [array(), { kind: 'unknown' }],
  [integer(1), { kind: 'unknown' }],
] as [RespValue, object][])('ROLE reply %#', (reply, expected) => {
  expect(parseRoleReply(reply)).toMatchObject(expected);
});

test('the words of actions', () => {
  expect(actionWords({ kind: 'promote' }, 'REPLICAOF')).toEqual(['REPLICAOF', 'NO', 'ONE']);
  expect(actionWords({ kind: 'follow', host: '::2', port: 7003 }, 'SLAVEOF')).toEqual([
    'SLAVEOF',
    '::2',
    '7003',
  ]);
});
