import { parseNodeAddress } from '@undermoon/cluster-meta';
import { silentLogger } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { describe, expect, test } from 'vitest';
import { askControl, NO_STATS } from '../../test/control/control-fixture.ts';
import { integerParameter, readOnlyParameter } from '../core/config-table.ts';
import type { ProxyStats } from '../core/info.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import { createProxyControl, type ProxyControl } from './admin.ts';

const STATS: ProxyStats = {
  ...NO_STATS,
  uptimeSeconds: 90_000,
  connectedClients: 3,
  connectionsReceived: 7,
  connectionsRejected: 1,
  commandsProcessed: 1234,
  errorReplies: 5,
  netInputBytes: 100,
  netOutputBytes: 200,
  loopClients: [3],
  backends: [
    {
      address: parseNodeAddress('127.0.0.1:6379')!,
      state: 'up',
      connectionCount: 2,
      pendingCount: 0,
    },
  ],
};

/** SHA-1 of "127.0.0.1:5299" and of "127.0.0.1:7000". */
const ID_5299 = '7906195141785b1f2bcb4b377d7ef4375a1ea201';
const ID_7000 = '866a95987cd8f228c2a99d31f2928d64ebbdcd34';

interface Fixture {
  readonly control: ProxyControl;
  readonly calls: string[];
  /** The reply to one command; a space separates words, `""` is the empty word. */
  readonly ask: (line: string, protocol?: 2 | 3) => string;
}

function fixture(announce = '127.0.0.1:5299'): Fixture {
  const calls: string[] = [];
  let slower = 50_000;
  const control = createProxyControl({
    announceAddress: parseNodeAddress(announce)!,
    announceReplicaAddress: null,
    config: [
      readOnlyParameter('maxclients', () => '77'),
      integerParameter({
        name: 'slowlog-log-slower-than',
        min: -1,
        max: 1_000_000,
        read: () => slower,
        write: (value) => {
          slower = value;
        },
      }),
    ],
    logger: silentLogger,
    clock: systemClock,
    version: '9.9.9',
    onShutdown: () => calls.push('shutdown'),
    stats: () => STATS,
    resetStats: () => calls.push('reset stats'),
  });
  return {
    control,
    calls,
    ask(line, protocol = 2) {
      const words = line.split(' ').map((word) => (word === '""' ? '' : word));
      return askControl(control, words, protocol);
    },
  };
}

function bulks(...texts: string[]): string {
  return texts.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('');
}

const MYDB = 'mydb 127.0.0.1:6379 1 0-8000 PEER 127.0.0.1:7000 1 8001-16383';

describe('UMCTL on a fresh proxy', () => {
  test.each([
    ['UMCTL', '-Missing sub command\r\n'],
    ['UMCTL FOO', '-Invalid sub command\r\n'],
    ['umctl getepoch', ':0\r\n'],
    ['UMCTL READY', ':0\r\n'],
    ['UMCTL LISTCLUSTER', '*1\r\n$0\r\n\r\n'],
    ['UMCTL INFOMGR', '*0\r\n'],
    ['UMCTL INFOREPL', '*0\r\n'],
    ['UMCTL PRECHECK mgr-0.2 c MIGRATING 1 0-9 3 a:1 a:2 b:1 b:2', '-TASK_NOT_FOUND\r\n'],
    ['UMCTL FINALSWITCH mgr-0.2 c MIGRATING 1 0-9 3 a:1 a:2 b:1 b:2', '-TASK_NOT_FOUND\r\n'],
    ['UMCTL CANCELMGR c MIGRATING 1 0-9 3 a:1 a:2 b:1 b:2', '-TASK_NOT_FOUND\r\n'],
    ['UMCTL CANCELMGR c 1 0-9', '-failed to parse the migration\r\n'],
    ['UMCTL CANCELMGR', '-failed to parse the migration\r\n'],
    ['UMCTL PRESWITCH mgr-0.2 c 1 0-9', '-failed to parse migration switch arguments\r\n'],
    ['UMCTL PRESWITCH', '-failed to parse migration switch arguments\r\n'],
  ])('%s', (line, reply) => {
    expect(fixture().ask(line)).toBe(reply);
  });

  test('CANCELMGR promises for migrations that this proxy is the source of', () => {
    const { ask } = fixture();
    const meta = '7 127.0.0.1:5299 127.0.0.1:7001 127.0.0.1:5300 127.0.0.1:7003';
    const task = (range: string, kind = 'MIGRATING') => `${kind} 1 ${range} ${meta}`;
    const local = `127.0.0.1:7001 1 0-99 127.0.0.1:7001 ${task('100-199')}`;
    const peers = `PEER 127.0.0.1:5300 ${task('100-199', 'IMPORTING')}`;
    expect(ask(`UMCTL SETCLUSTER v2 7 NOFLAG mydb ${local} ${peers}`)).toBe('+OK\r\n');
    for (let time = 0; time < 2; time++) {
      expect(ask(`UMCTL CANCELMGR mydb ${task('100-199')}`)).toBe('+CANCELLED\r\n');
    }
    for (const other of [
      `mydb ${task('100-198')}`,
      `mydb ${task('100-199', 'IMPORTING')}`,
      `mydb ${task('100-199').replace(' 7 ', ' 6 ')}`,
      `other ${task('100-199')}`,
    ]) {
      expect(ask(`UMCTL CANCELMGR ${other}`)).toBe('-TASK_NOT_FOUND\r\n');
    }
  });

  test('a sub-command that is not UTF-8', () => {
    const reply = askControl(fixture().control, ['UMCTL', Buffer.from([0xff])]);
    expect(reply).toBe('-Invalid sub command\r\n');
  });

  test('STATS lists the 22 counters of the original', () => {
    const reply = fixture().ask('UMCTL STATS');
    expect(reply.startsWith(`*23\r\n${bulks('# Migration', 'migrating_src_redis_conn: 0')}`)).toBe(
      true,
    );
    expect(reply.endsWith(bulks('importing_src_failed: 0'))).toBe(true);
  });

  test('SHUTDOWN replies first, and once', () => {
    const { ask, calls } = fixture();
    expect(ask('UMCTL SHUTDOWN')).toBe('+OK\r\n');
    expect(ask('UMCTL SHUTDOWN')).toBe('-failed to send shutdown\r\n');
    expect(calls).toEqual(['shutdown']);
  });
});

describe('UMCTL SETCLUSTER', () => {
  test('swaps the table and tells listeners before it answers', () => {
    const { ask, control } = fixture();
    const seen: RoutingTable[] = [];
    control.onTableChange((table) => seen.push(table));
    expect(ask(`UMCTL SETCLUSTER v2 1 NOFLAGS ${MYDB}`)).toBe('+OK\r\n');
    expect(seen).toEqual([control.table]);
    expect([control.table.epoch, control.table.clusterName]).toEqual([1, 'mydb']);
    expect(ask('UMCTL GETEPOCH')).toBe(':1\r\n');
    expect(ask('UMCTL READY')).toBe(':1\r\n');
    expect(ask('UMCTL LISTCLUSTER')).toBe('*1\r\n$4\r\nmydb\r\n');
  });

  test('epochs only rise, unless forced', () => {
    const { ask } = fixture();
    expect(ask(`UMCTL SETCLUSTER v2 5 NOFLAG ${MYDB}`)).toBe('+OK\r\n');
    expect(ask(`UMCTL SETCLUSTER v2 5 NOFLAG ${MYDB}`)).toBe('-OLD_EPOCH\r\n');
    expect(ask(`UMCTL SETCLUSTER v2 4 NOFLAG ${MYDB}`)).toBe('-OLD_EPOCH\r\n');
    expect(ask(`UMCTL SETCLUSTER v2 3 force ${MYDB}`)).toBe('+OK\r\n');
    expect(ask('UMCTL GETEPOCH')).toBe(':3\r\n');
    expect(ask(`UMCTL SETCLUSTER v2 4 NOFLAG ${MYDB}`)).toBe('+OK\r\n');
  });

  test('an empty name takes the proxy out of its cluster', () => {
    const { ask, control } = fixture();
    ask(`UMCTL SETCLUSTER v2 1 NOFLAG ${MYDB}`);
    expect(ask('UMCTL SETCLUSTER v2 2 NOFLAG ""')).toBe('+OK\r\n');
    expect(control.table.clusterName).toBeNull();
    expect(ask('UMCTL READY')).toBe(':0\r\n');
    expect(ask('CLUSTER SLOTS')).toMatch(/^-CLUSTERDOWN /);
  });

  const COMPRESSED =
    'H4sIAAAAAAAE/21QW6rDIBDdy3xL0Rtu0mYR3UAJYsxU5OpY1F5agnvv5KMtheLXnDOex6xgw7VUzJpMRBgh3pcZBIRkTYBxBfUz7CQ/NfbdcIDxtEI25FAHXyqPJyn2UsppElCNY4FjIoQ2NQEXxPwpMfDmFwkWUEL13b77JvMMaBOdPTusYFO8ZCzFJ9KlZlPR3dl58cXMAReOH71jeOPfv6K56Tde/VZXSfbmdaZmrvznyeknw1kFFGtIe+ID/W/3+H1hNl2J+6u+tfYA1rNbVUUBAAA=';

  test('compressed', () => {
    const { ask, control } = fixture();
    expect(ask(`UMCTL SETCLUSTER v2 9 COMPRESS ${COMPRESSED}`)).toBe('+OK\r\n');
    expect(control.table.clusterName).toBe('mydb');
    expect(control.table.localNodes).toEqual(['127.0.0.1:6379']);
    expect([control.table.slots[8000], control.table.slots[8001]]).toEqual([0, -2]);
  });

  test.each([
    ['v1 1 NOFLAG c', 'InvalidVersion'],
    ['', 'InvalidVersion|InvalidArgs'],
    ['v2 x NOFLAG c', 'InvalidArgs: epoch'],
    ['v2 99999999999999999999 NOFLAG c', 'InvalidArgs: epoch'],
    ['v2 1', 'InvalidArgs: flags'],
    ['v2 1 NOFLAG a.b', 'InvalidClusterName'],
    ['v2 1 NOFLAG c 127.0.0.1:6379 1 0-x', 'InvalidArgs: local'],
    ['v2 1 NOFLAG c 127.0.0.1:6379 2 0-1', 'InvalidArgs: local'],
    ['v2 1 NOFLAG c PEER 127.0.0.1:6379 1 0-16384', 'InvalidArgs: peer'],
    ['v2 1 COMPRESS ====', 'InvalidArgs: payload'],
  ])('malformed: %s changes nothing', (words, code) => {
    const { ask, control } = fixture();
    ask(`UMCTL SETCLUSTER v2 1 NOFLAG ${MYDB}`);
    const before = control.table;
    control.onTableChange(() => expect.unreachable('the table was swapped'));
    const reply = ask(`UMCTL SETCLUSTER ${words}`.trim());
    expect(reply).toMatch(new RegExp(`^-Failed to parse args: (${code}).*\r\n$`));
    expect(control.table).toBe(before);
  });

  test('a word that is not UTF-8 is refused', () => {
    const { control } = fixture();
    const words = ['UMCTL', 'SETCLUSTER', 'v2', '1', 'NOFLAG', Buffer.from([0xc3])];
    expect(askControl(control, words)).toMatch(
      /^-Failed to parse args: InvalidArgs: word 5: .*\r\n$/,
    );
  });

  test('a long and hostile word makes one short line', () => {
    const reply = fixture().ask(`UMCTL SETCLUSTER v2 1 NOFLAG a\r\n+OK${'x'.repeat(9999)}`);
    expect(reply.indexOf('\r\n')).toBe(reply.length - 2);
    expect(reply.length).toBeLessThan(600);
  });

  test('servers of another host are refused, even with FORCE and an old epoch', () => {
    const { ask } = fixture();
    const words = 'mydb 127.0.0.2:6379 1 0-8000 PEER 127.0.0.1:7000 1 8001-16383';
    expect(ask(`UMCTL SETCLUSTER v2 1 FORCE ${words}`)).toBe('-ERR_NOT_MY_META\r\n');
    expect(ask(`UMCTL SETCLUSTER v2 0 NOFLAG ${words}`)).toBe('-ERR_NOT_MY_META\r\n');
    expect(ask('UMCTL GETEPOCH')).toBe(':0\r\n');
  });

  test('an invalid CONFIG part is a warning', () => {
    const { ask } = fixture();
    expect(ask(`UMCTL SETCLUSTER v2 1 NOFLAG ${MYDB} CONFIG nonsense 1`)).toBe(
      '+WARNING: ignored invalid config\r\n',
    );
    expect(ask('UMCTL GETEPOCH')).toBe(':1\r\n');
  });
});

describe('UMCTL SETREPL', () => {
  const PAIR =
    'replica mydb 127.0.0.1:7002 1 127.0.0.1:7003 127.0.0.1:5300 master mydb 127.0.0.1:7001 1 127.0.0.1:7004 127.0.0.1:5300';

  test('has an epoch of its own', () => {
    const { ask } = fixture();
    expect(ask(`UMCTL SETCLUSTER v2 9 NOFLAG ${MYDB}`)).toBe('+OK\r\n');
    expect(ask(`UMCTL SETREPL 5 NOFLAG ${PAIR}`)).toBe('+OK\r\n');
    expect(ask(`UMCTL SETREPL 5 NOFLAG ${PAIR}`)).toBe('-OLD_EPOCH\r\n');
    expect(ask(`UMCTL SETREPL 4 FORCE ${PAIR}`)).toBe('+OK\r\n');
    expect(ask(`UMCTL SETREPL 5 NOFLAG ${PAIR}`)).toBe('+OK\r\n');
    expect(ask('UMCTL GETEPOCH')).toBe(':9\r\n');
  });

  test('INFOREPL lists masters first: the lines of the original, then what was observed', () => {
    const { ask } = fixture();
    ask(`UMCTL SETREPL 5 NOFLAG ${PAIR}`);
    const observed = [
      'observed_role:unknown\n',
      'link:none\n',
      'offset:-1\n',
      'state:unknown\n',
      'missed_ms:0\n',
      'copied_ms:-1\n',
    ];
    const master = bulks(
      'cluster:mydb\n',
      'role:master\n',
      'node_address:127.0.0.1:7001\n',
      'replica:127.0.0.1:7004@127.0.0.1:5300\n',
      ...observed,
    );
    const replica = bulks(
      'cluster:mydb\n',
      'role:replica\n',
      'node_address:127.0.0.1:7002\n',
      'master:127.0.0.1:7003@127.0.0.1:5300\n',
      ...observed,
    );
    expect(ask('UMCTL INFOREPL')).toBe(`*2\r\n*10\r\n${master}*10\r\n${replica}`);
  });

  test.each([
    'x NOFLAG',
    '1 NOFLAG boss mydb 127.0.0.1:7001 0',
    '1 NOFLAG master mydb 127.0.0.1:7001 1',
    '1 NOFLAG master mydb 127.0.0.1:7001 0 replica mydb 127.0.0.1:7001 0',
    `1 NOFLAG ${Array.from({ length: 65 }, (_, i) => `master mydb 127.0.0.1:${7000 + i} 0`).join(' ')}`,
  ])('malformed: %s', (words) => {
    const { ask } = fixture();
    expect(ask(`UMCTL SETREPL ${words}`)).toMatch(/^-Invalid arguments: \S.*\r\n$/);
    expect(ask('UMCTL INFOREPL')).toBe('*0\r\n');
    expect(ask(`UMCTL SETREPL 1 NOFLAG ${PAIR}`)).toBe('+OK\r\n');
  });

  test('servers of another host are refused', () => {
    const { ask } = fixture();
    expect(ask('UMCTL SETREPL 1 FORCE master mydb 127.0.0.2:7001 0')).toBe('-ERR_NOT_MY_META\r\n');
  });
});

describe('UMCTL READY', () => {
  const TASK = '1 0-9 3 127.0.0.1:5299 127.0.0.1:1 b:1 b:2';

  test.each([
    ['only replicas', 'replica c 127.0.0.1:1 1 b:2 b:1', '', 1],
    ['master without slots', 'master c 127.0.0.1:1 0', '', 0],
    ['all slots leave', 'master c 127.0.0.1:1 0', `127.0.0.1:1 MIGRATING ${TASK}`, 0],
    ['some stay', '', `127.0.0.1:1 MIGRATING ${TASK} 127.0.0.1:1 1 10-10`, 1],
    ['slots arrive', '', `127.0.0.1:1 IMPORTING ${TASK}`, 1],
    ['no slots', '', 'PEER b:1 1 0-9', 0],
  ])('%s', (_, repl, nodes, expected) => {
    const { ask } = fixture();
    ask(`UMCTL SETREPL 1 NOFLAG ${repl}`.trim());
    ask(`UMCTL SETCLUSTER v2 1 NOFLAG c ${nodes}`.trim());
    expect(ask('UMCTL READY')).toBe(`:${expected}\r\n`);
  });
});

test('UMCTL INFO nests the metadata as the original does', () => {
  const { ask } = fixture();
  const task = '2 5-6 8-8 3 127.0.0.1:5299 127.0.0.1:1 b:1 b:2';
  const words = `127.0.0.1:1 1 0-4 127.0.0.1:1 MIGRATING ${task} PEER b:1 IMPORTING ${task}`;
  ask(`UMCTL SETCLUSTER v2 4 NOFLAG c ${words}`);
  const tagged = `*6\r\n${bulks(
    '3',
    'src_proxy: 127.0.0.1:5299',
    'src_node: 127.0.0.1:1',
    'dst_proxy: b:1',
    'dst_node: b:2',
    '2 5-6 8-8',
  )}`;
  const local = `*4\r\n${bulks('name: c', 'epoch: 4', 'nodes:')}*2\r\n${bulks(
    '127.0.0.1:1',
  )}*2\r\n*1\r\n${bulks('1 0-4')}${tagged}`;
  const peer = `*2\r\n${bulks('peers:')}*2\r\n${bulks('b:1')}*1\r\n${tagged}`;
  expect(ask('UMCTL INFO')).toBe(
    `*6\r\n${bulks('Cluster')}*5\r\n${bulks('c', 'local')}${local}${bulks('peer')}${peer}` +
      `${bulks('Replication')}*0\r\n${bulks('Migration')}*1\r\n${bulks('name: c')}`,
  );
});

describe('CLUSTER', () => {
  test('the example of the wire document, with ids of our own', () => {
    const { ask } = fixture();
    ask(`UMCTL SETCLUSTER v2 1 NOFLAGS ${MYDB}`);
    expect(ask('CLUSTER NODES')).toBe(
      bulks(
        `${ID_5299} 127.0.0.1:5299@15299 myself,master - 0 0 1 connected 0-8000\n` +
          `${ID_7000} 127.0.0.1:7000@17000 master - 0 0 1 connected 8001-16383\n`,
      ),
    );
    expect(ask('CLUSTER SLOTS')).toBe(
      `*2\r\n*3\r\n:0\r\n:8000\r\n*4\r\n${bulks('127.0.0.1')}:5299\r\n${bulks(ID_5299)}*0\r\n` +
        `*3\r\n:8001\r\n:16383\r\n*4\r\n${bulks('127.0.0.1')}:7000\r\n${bulks(ID_7000)}*0\r\n`,
    );
    expect(ask('CLUSTER MYID')).toBe(bulks(ID_5299));
    expect(ask('CLUSTER INFO')).toContain('cluster_state:ok\r\ncluster_slots_assigned:16384\r\n');
  });

  test('in no cluster', () => {
    const { ask } = fixture();
    expect(ask('CLUSTER NODES')).toBe(
      bulks(`${ID_5299} 127.0.0.1:5299@15299 myself,master - 0 0 0 connected\n`),
    );
    for (const kind of ['SHARDS', 'SLOTS']) {
      expect(ask(`CLUSTER ${kind}`)).toBe(
        '-CLUSTERDOWN This proxy is in no cluster: ask another one\r\n',
      );
    }
    expect(ask('CLUSTER INFO')).toContain('cluster_state:fail\r\ncluster_slots_assigned:0\r\n');
  });

  test('two proxies give one view, whatever the order and the split of their metadata', () => {
    const one = fixture('127.0.0.1:5299');
    const two = fixture('127.0.0.1:7000');
    one.ask(
      'UMCTL SETCLUSTER v2 3 NOFLAG c 127.0.0.1:1 1 6-9 127.0.0.1:2 1 0-5 PEER 127.0.0.1:7000 2 10-11 13-13 [::1]:6001 1 12-12',
    );
    two.ask(
      'UMCTL SETCLUSTER v2 3 NOFLAG c 127.0.0.1:9 1 13-13 127.0.0.1:8 1 10-11 PEER [::1]:6001 1 12-12 127.0.0.1:5299 1 5-9 127.0.0.1:5299 1 0-4',
    );
    for (const protocol of [2, 3] as const) {
      for (const kind of ['SLOTS', 'SHARDS', 'INFO']) {
        expect(two.ask(`CLUSTER ${kind}`, protocol)).toBe(one.ask(`CLUSTER ${kind}`, protocol));
      }
      const nodes = one.ask('CLUSTER NODES', protocol);
      expect(two.ask('CLUSTER NODES', protocol).replaceAll('myself,', '')).toBe(
        nodes.replaceAll('myself,', ''),
      );
      expect(nodes).toContain(' ::1:6001@16001 master - 0 0 3 connected 12\n');
      expect(nodes).toContain('connected 0-9\n');
      expect(nodes).toContain('connected 10-11 13\n');
    }
    expect(one.ask('CLUSTER MYSHARDID')).not.toBe(two.ask('CLUSTER MYSHARDID'));
  });

  test('a migrating range is listed once, at its source', () => {
    const { ask } = fixture();
    const task = '1 0-9 3 127.0.0.1:7000 127.0.0.1:7001 127.0.0.1:5299 127.0.0.1:1';
    ask(
      `UMCTL SETCLUSTER v2 1 NOFLAG c 127.0.0.1:1 IMPORTING ${task} PEER 127.0.0.1:7000 MIGRATING ${task}`,
    );
    expect(ask('CLUSTER SLOTS')).toMatch(
      /^\*1\r\n\*3\r\n:0\r\n:9\r\n\*4\r\n\$9\r\n127.0.0.1\r\n:7000/,
    );
  });

  test('after a failover the proxy with the copies is shown as a replica, by both of them', () => {
    const leader = fixture('127.0.0.1:5299');
    const copier = fixture('127.0.0.1:7000');
    leader.ask(
      'UMCTL SETREPL 3 NOFLAG master c 127.0.0.1:1 1 127.0.0.1:4 127.0.0.1:7000 ' +
        'master c 127.0.0.1:2 1 127.0.0.1:3 127.0.0.1:7000',
    );
    leader.ask('UMCTL SETCLUSTER v2 3 NOFLAG c 127.0.0.1:1 1 0-8191 127.0.0.1:2 1 8192-16383');
    copier.ask(
      'UMCTL SETREPL 3 NOFLAG replica c 127.0.0.1:3 1 127.0.0.1:2 127.0.0.1:5299 ' +
        'replica c 127.0.0.1:4 1 127.0.0.1:1 127.0.0.1:5299',
    );
    copier.ask('UMCTL SETCLUSTER v2 3 NOFLAG c PEER 127.0.0.1:5299 1 0-16383');
    const line = `${ID_7000} 127.0.0.1:7000@17000 slave ${ID_5299} 0 0 3 connected`;
    for (const { ask } of [leader, copier]) {
      expect(ask('CLUSTER SLOTS')).toBe(
        `*1\r\n*4\r\n:0\r\n:16383\r\n*4\r\n${bulks('127.0.0.1')}:5299\r\n${bulks(ID_5299)}*0\r\n` +
          `*4\r\n${bulks('127.0.0.1')}:7000\r\n${bulks(ID_7000)}*0\r\n`,
      );
      expect(ask('CLUSTER NODES').replace('myself,', '')).toContain(
        `\r\n${ID_5299} 127.0.0.1:5299@15299 master - 0 0 3 connected 0-16383\n${line}\n\r\n`,
      );
      expect(ask(`CLUSTER REPLICAS ${ID_5299}`).replace('myself,', '')).toMatch(
        new RegExp(String.raw`^\*1\r\n\$\d+\r\n${line}\r\n$`),
      );
      expect(ask(`CLUSTER SLAVES ${ID_7000}`)).toBe('-ERR The specified node is not a master\r\n');
      expect(ask('CLUSTER INFO')).toContain('cluster_known_nodes:2\r\ncluster_size:1\r\n');
    }
    expect(copier.ask('CLUSTER NODES')).toContain('myself,slave');
    expect(copier.ask('CLUSTER SHARDS')).toBe(leader.ask('CLUSTER SHARDS'));
    expect(copier.ask('CLUSTER SHARDS')).toContain(bulks('role', 'replica'));
    expect(copier.ask('CLUSTER MYSHARDID')).toBe(leader.ask('CLUSTER MYSHARDID'));
  });

  test('proxies with slots of their own are masters only', () => {
    const { ask } = fixture();
    ask(
      'UMCTL SETREPL 3 NOFLAG master c 127.0.0.1:1 1 127.0.0.1:4 127.0.0.1:7000 ' +
        'replica c 127.0.0.1:2 1 127.0.0.1:3 127.0.0.1:7000',
    );
    ask(`UMCTL SETCLUSTER v2 3 NOFLAG ${MYDB}`);
    expect(ask('CLUSTER NODES')).not.toContain('slave');
    expect(ask('CLUSTER SLOTS')).toMatch(/^\*2\r\n\*3\r\n:0\r\n/);
    // Roles that change later change the replies, too.
    ask('UMCTL SETREPL 4 NOFLAG master c 127.0.0.1:1 1 127.0.0.1:9 127.0.0.1:9000');
    expect(ask('CLUSTER SLOTS')).toMatch(/^\*2\r\n\*4\r\n:0\r\n/);
  });

  test('replies change with the table', () => {
    const { ask } = fixture();
    ask('UMCTL SETCLUSTER v2 1 NOFLAG c 127.0.0.1:1 1 0-9');
    expect(ask('CLUSTER NODES')).toContain('connected 0-9\n');
    ask('UMCTL SETCLUSTER v2 2 NOFLAG c 127.0.0.1:1 1 0-8');
    expect(ask('CLUSTER NODES')).toContain(' 2 connected 0-8\n');
  });

  test.each([
    ['a', 15_495],
    ['b', 3300],
    ['key', 12_539],
    ['foo', 12_182],
    ['123456789', 12_739],
    ['""', 0],
    ['{user1000}.following', 3443],
    ['foo{bar}{zap}', 5061],
    ['foo{{bar}}', 4015],
    ['foo{}{bar}', 8363],
    ['{}xxxxx', 4938],
    ['{', 4092],
  ])('KEYSLOT %s', (key, slot) => {
    expect(fixture().ask(`CLUSTER KEYSLOT ${key}`)).toBe(`:${slot}\r\n`);
  });

  test.each([
    ['CLUSTER LINKS', '*0\r\n'],
    [`CLUSTER REPLICAS ${ID_5299}`, '*0\r\n'],
    ['CLUSTER REPLICAS abc', '-ERR Unknown node abc\r\n'],
    [
      'CLUSTER MEET 1.2.3.4 5',
      '-ERR CLUSTER MEET is not supported: the broker manages the topology\r\n',
    ],
  ])('%s', (line, reply) => {
    expect(fixture().ask(line)).toBe(reply);
  });
});

describe('CONFIG', () => {
  test('GET in the shape of either protocol', () => {
    const { ask } = fixture();
    const body = bulks('databases', '1', 'maxclients', '77');
    expect(ask('CONFIG GET databases maxclients')).toBe(`*4\r\n${body}`);
    expect(ask('config get databases maxclients', 3)).toBe(`%2\r\n${body}`);
    expect(ask('CONFIG GET max*s')).toBe(`*2\r\n${bulks('maxclients', '77')}`);
    expect(ask('CONFIG GET *pass*')).toBe('*0\r\n');
  });

  test('SET takes effect', () => {
    const { ask } = fixture();
    expect(ask('CONFIG SET slowlog_log_slower_than 5')).toBe('+OK\r\n');
    expect(ask('CONFIG GET slowlog-log-slower-than')).toBe(
      `*2\r\n${bulks('slowlog-log-slower-than', '5')}`,
    );
  });

  test('RESETSTAT', () => {
    const { ask, calls } = fixture();
    expect(ask('CONFIG RESETSTAT')).toBe('+OK\r\n');
    expect(calls).toEqual(['reset stats']);
  });
});

function textOf(reply: string): string {
  return reply.slice(reply.indexOf('\r\n') + 2, -2);
}

describe('INFO', () => {
  test('has the fields that tools read', () => {
    const { ask } = fixture();
    ask(`UMCTL SETCLUSTER v2 4 NOFLAG ${MYDB}`);
    ask('UMCTL SETREPL 6 NOFLAG master mydb 127.0.0.1:6379 0');
    const text = textOf(ask('INFO'));
    const lines = text.split('\r\n');
    for (const line of [
      'redis_version:7.2.0',
      'redis_mode:cluster',
      'arch_bits:64',
      `process_id:${process.pid}`,
      'tcp_port:5299',
      'uptime_in_seconds:90000',
      'uptime_in_days:1',
      'connected_clients:3',
      'loading:0',
      'total_commands_processed:1234',
      'role:master',
      'cluster_enabled:1',
      'undermoon_version:9.9.9',
      'cluster_name:mydb',
      'cluster_state:ok',
      'epoch:4',
      'replication_epoch:6',
      'node0:address=127.0.0.1:6379,role=master,observed_role=unknown,link=none,offset=-1,state=unknown',
      'backend0:address=127.0.0.1:6379,state=up,connections=2,pending=0',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test('sections, in either protocol', () => {
    const { ask } = fixture();
    expect(ask('INFO cluster')).toBe(bulks('# Cluster\r\ncluster_enabled:1\r\n'));
    expect(ask('INFO CLUSTER keyspace')).toBe(
      bulks('# Cluster\r\ncluster_enabled:1\r\n\r\n# Keyspace\r\n'),
    );
    expect(ask('INFO cluster', 3)).toBe('=34\r\ntxt:# Cluster\r\ncluster_enabled:1\r\n\r\n');
    expect(ask('INFO nothing')).toBe('$0\r\n\r\n');
    const titles = (reply: string): string[] => reply.match(/^# \w+/gm) ?? [];
    expect(titles(ask('INFO'))).toHaveLength(11);
    expect(titles(ask('INFO everything'))).toEqual(titles(ask('INFO')));
  });
});
