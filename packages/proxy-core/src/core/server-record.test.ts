import { parseSetRepl, type ReplEntry } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import type { ObservedRole, ReplicaLink } from './replication.ts';
import { NO_RECORD, recordLook, recordWanted, type ServerRecord } from './server-record.ts';

function wanted(line: string): ReplEntry {
  const parsed = parseSetRepl(['1', 'NOFLAG', ...line.split(' ')]);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value.entries[0]!;
}

const MASTER = wanted('master db 10.0.0.1:7001 1 10.0.0.2:7004 10.0.0.2:5299');
const REPLICA = wanted('replica db 10.0.0.1:7002 1 10.0.0.2:7003 10.0.0.2:5299');
const DOWN: ObservedRole = { kind: 'unreachable', reason: 'refused' };
const UNTOLD: ObservedRole = { kind: 'unknown', reason: 'WRONGPASS' };

/** A master at this offset; its replica has acknowledged so much, or is not there. */
function master(offset: number, acknowledged: number | null): ObservedRole {
  const copy = { host: '10.0.0.2', port: 7004, offset: acknowledged ?? 0 };
  return { kind: 'master', offset, replicas: acknowledged === null ? [] : [copy] };
}

function replica(link: ReplicaLink, masterPort = 7003): ObservedRole {
  return { kind: 'replica', masterHost: '10.0.0.2', masterPort, link, offset: 10 };
}

/** One look a second, from second 1 on. */
function after(entry: ReplEntry, ...looks: readonly ObservedRole[]): ServerRecord {
  return looks.reduce(
    (record, observed, index) => recordLook(record, entry, observed, (index + 1) * 1000),
    NO_RECORD,
  );
}

describe('a server is missed', () => {
  test('from the first look that did not reach it, until it says anything', () => {
    expect(after(MASTER, master(5, 5), DOWN, DOWN).missedAt).toBe(2000);
    expect(after(MASTER, DOWN, DOWN, UNTOLD).missedAt).toBeNull();
    expect(after(MASTER, DOWN, master(5, null), DOWN).missedAt).toBe(3000);
    expect(after(REPLICA, DOWN, replica('connect')).missedAt).toBeNull();
  });
});

describe('a master was copied', () => {
  test.each([
    ['now, when all is acknowledged', [master(5, 5)], 1000],
    ['at an earlier look whose offset was acknowledged since', [master(5, 1), master(9, 5)], 1000],
    [
      'then, while its replica goes on with every look',
      [master(5, 1), master(9, 5), master(12, 10)],
      2000,
    ],
    [
      'then, though its replica stopped or left',
      [master(5, 5), master(9, 5), master(12, 5), master(15, null)],
      1000,
    ],
    ['never, without a replica', [master(5, null), master(9, null)], null],
    ['never, while its replica did not get that far', [master(5, 0), master(9, 4)], null],
    ['then, also when it is gone', [master(5, 5), DOWN, DOWN], 1000],
    [
      'never, once it answers again: it may have other data',
      [master(5, 5), DOWN, master(0, null)],
      null,
    ],
    ['never, while it is no master', [master(5, 5), replica('connected', 7004)], null],
    ['never, while it does not tell', [master(5, 5), UNTOLD], null],
  ])('%s', (_, looks, copiedAt) => {
    expect(after(MASTER, ...looks).copiedAt).toBe(copiedAt);
  });
});

describe('a replica was in step', () => {
  test.each([
    ['now', [replica('connected')], 1000],
    ['then, while its master is gone', [replica('connected'), replica('connect')], 1000],
    ['then, while it is copied anew', [replica('connected'), replica('sync')], 1000],
    ['never, before the first copy is complete', [replica('connect'), replica('sync')], null],
    ['never, when it may have been started again', [replica('connected'), DOWN], null],
    ['never, after that', [replica('connected'), DOWN, replica('connect')], null],
    ['never, with another master', [replica('connected'), replica('connected', 9)], null],
    ['never, as a master', [replica('connected'), master(5, null)], null],
  ])('%s', (_, looks, copiedAt) => {
    expect(after(REPLICA, ...looks).copiedAt).toBe(copiedAt);
  });
});

describe('other roles', () => {
  test('the same role with the same partner keeps the record, another begins anew', () => {
    const record = after(MASTER, master(5, 5), DOWN);
    expect(recordWanted(record, MASTER, { ...MASTER })).toEqual(record);
    const moved = wanted('master db 10.0.0.1:7001 1 10.0.0.3:7004 10.0.0.3:5299');
    for (const to of [REPLICA, moved]) {
      expect(recordWanted(record, MASTER, to)).toEqual({ ...NO_RECORD, missedAt: 2000 });
    }
  });
});
