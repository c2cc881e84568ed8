import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setCluster } from '../../test/arbitraries.ts';
import { refusalOf, valueOf } from '../../test/outcomes.ts';
import {
  FREE_PROXY,
  FREE_SET_CLUSTER,
  MEMBER_PROXY,
  MEMBER_SET_CLUSTER,
  REFERENCE_JSON,
  REFERENCE_PAYLOAD,
  words,
} from '../../test/worked-example.ts';
import { DEFAULT_CLUSTER_CONFIG } from '../cluster-config.ts';
import { EPOCH_ZERO } from '../epoch.ts';
import { parseProxyJson } from '../json/proxy.ts';
import { decodeSetClusterJson } from '../json/set-cluster.ts';
import { finishSlices, SliceMeter } from '../slices.ts';
import type { SetCluster } from './commands.ts';
import { compressJson, decompressJson } from './compress.ts';
import { setClusterOf } from './of-proxy-meta.ts';
import { encodeSetCluster, parseSetCluster } from './set-cluster.ts';

const parse = (text: string): ReturnType<typeof parseSetCluster> => parseSetCluster(words(text));
const member = valueOf(parseProxyJson(MEMBER_PROXY));
const free = valueOf(parseProxyJson(FREE_PROXY));
const config = (text: string): SetCluster => valueOf(parse(`v2 1 NOFLAG c CONFIG ${text}`));

/** Addresses without slots have no plain form, and the parser drops them from the compressed one. */
function asReceived(command: SetCluster): SetCluster {
  const local = command.local.filter(({ slots }) => slots.length > 0);
  const peers = command.peers.filter(({ slots }) => slots.length > 0);
  return { ...command, local, peers };
}

describe('encodeSetCluster', () => {
  it('writes the worked example word for word', () => {
    const command = setClusterOf(member);
    expect(encodeSetCluster(command, { compress: false })).toEqual(MEMBER_SET_CLUSTER);
  });

  it('writes a free proxy as in no cluster, with the configuration', () => {
    const command = setClusterOf(free);
    expect(encodeSetCluster(command, { compress: false })).toEqual(FREE_SET_CLUSTER);
  });

  it('keeps addresses without slots in the compressed form', () => {
    const [version, epoch, flags, payload, ...rest] = encodeSetCluster(setClusterOf(member), {
      compress: true,
    });
    expect([version, epoch, flags, rest]).toEqual(['v2', '7', 'COMPRESS', []]);
    expect(valueOf(decompressJson(payload!, 100_000))).toEqual({
      cluster_name: 'demo',
      local: { '10.0.1.1:7001': MEMBER_PROXY.nodes[0]!.slots },
      peer: {
        '10.0.1.2:6001': MEMBER_PROXY.peers[0]!.slots,
        '10.0.1.3:6001': MEMBER_PROXY.peers[1]!.slots,
        '10.0.1.4:6001': [],
      },
      cluster_config: MEMBER_PROXY.cluster_config,
    });
  });

  it('writes single slots as ranges, and all four flag words', () => {
    const command = valueOf(parse('v2 1 FORCE c 127.0.0.1:1 2 5-5 7-7'));
    expect(encodeSetCluster(command, { compress: false }).slice(0, 7)).toEqual(
      words('v2 1 FORCE c 127.0.0.1:1 2 5-5'),
    );
    expect(encodeSetCluster(command, { compress: true })[2]).toBe('FORCE,COMPRESS');
    const calm = { ...command, force: false };
    expect(encodeSetCluster(calm, { compress: false })[2]).toBe('NOFLAG');
    expect(encodeSetCluster(calm, { compress: true })[2]).toBe('COMPRESS');
  });

  it('says PEER only when a peer has slots', () => {
    const command = valueOf(parse('v2 1 NOFLAG c 127.0.0.1:1 1 5-5'));
    const [peer] = setClusterOf(member).peers.slice(-1);
    expect(encodeSetCluster({ ...command, peers: [peer!] }, { compress: false })).not.toContain(
      'PEER',
    );
  });
});

describe('parseSetCluster', () => {
  it('reads the reference payload of the compressed form', () => {
    const command = valueOf(parseSetCluster(['v2', '9', 'COMPRESS', REFERENCE_PAYLOAD]));
    expect(command).toEqual({
      epoch: 9,
      force: false,
      clusterName: 'mydb',
      local: [
        { address: '127.0.0.1:6379', slots: [{ ranges: [[0, 8000]], tag: { kind: 'none' } }] },
      ],
      peers: [
        { address: '127.0.0.1:7000', slots: [{ ranges: [[8001, 16_383]], tag: { kind: 'none' } }] },
      ],
      replicas: null,
      config: DEFAULT_CLUSTER_CONFIG,
      configWarning: null,
    });
    const [, , , payload] = encodeSetCluster(command, { compress: true });
    expect(JSON.stringify(valueOf(decompressJson(payload!, 10_000)))).toBe(REFERENCE_JSON);
    expect(JSON.stringify(valueOf(decompressJson(REFERENCE_PAYLOAD, 10_000)))).toBe(REFERENCE_JSON);
  });

  it('reads back whatever is encoded, in both forms', () => {
    fc.assert(
      fc.property(setCluster, fc.boolean(), (command, compress) => {
        const encoded = encodeSetCluster(command, { compress });
        expect(valueOf(parseSetCluster(encoded))).toEqual(asReceived(command));
      }),
    );
  });

  it('gives the same command for the plain and the compressed form, whatever the case', () => {
    const lower = MEMBER_SET_CLUSTER.map((word) =>
      /^(?:PEER|CONFIG|MIGRATING|IMPORTING)$/.test(word) ? word.toLowerCase() : word,
    );
    const plain = valueOf(parseSetCluster(lower));
    const packed = encodeSetCluster(setClusterOf(member), { compress: true });
    expect(valueOf(parseSetCluster(packed))).toEqual(plain);
  });

  it.each([
    ['NOFLAG', false],
    ['FORCE', true],
    ['force', true],
    ['later,Force', true],
    ['FORCED', false],
    ['', false],
  ])('reads the flags word %j', (flags, force) => {
    expect(valueOf(parseSetCluster(['v2', '1', flags, 'c']))).toMatchObject({ force });
  });

  it('reads compressed words of any case, and ignores words after the payload', () => {
    const sent = ['v2', '1', 'compress,force', REFERENCE_PAYLOAD, 'PEER', 'x'];
    expect(valueOf(parseSetCluster(sent))).toMatchObject({ force: true, clusterName: 'mydb' });
  });

  it('swaps, sorts and merges ranges, in both forms', () => {
    const ranges = [
      [10, 30],
      [40, 41],
    ];
    const plain = valueOf(parse('v2 1 NOFLAG c h:1 4 30-20 41-40 10-19 12-13'));
    expect(plain.local[0]!.slots[0]!.ranges).toEqual(ranges);
    const list = [
      [30, 20],
      [41, 40],
      [10, 19],
      [12, 13],
    ];
    const json = {
      cluster_name: 'c',
      local: { 'h:1': [{ range_list: list, tag: 'None' }] },
      peer: {},
      cluster_config: {},
    };
    const packed = valueOf(parseSetCluster(['v2', '1', 'COMPRESS', compressJson(json)]));
    expect(packed).toEqual(plain);
  });

  it('gathers the items of one address, and takes empty lists of ranges', () => {
    const command = valueOf(parse('v2 1 NOFLAG c h:1 1 0-1 h:2 0 h:1 0 PEER'));
    expect(command.local).toEqual([
      {
        address: 'h:1',
        slots: [
          { ranges: [[0, 1]], tag: { kind: 'none' } },
          { ranges: [], tag: { kind: 'none' } },
        ],
      },
      { address: 'h:2', slots: [{ ranges: [], tag: { kind: 'none' } }] },
    ]);
  });

  it('lets the last of repeated sections win', () => {
    const command = valueOf(
      parse(`v2 1 NOFLAG c PEER h:1 1 0-1 CONFIG migration_scan_count 3 bad 1
        PEER h:2 1 2-3 CONFIG migration_scan_interval 9`),
    );
    expect(command.peers.map(({ address }) => address)).toEqual(['h:2']);
    expect(command.config.migration).toMatchObject({ scanCount: 16, scanInterval: 9 });
    expect(command.configWarning).toBeNull();
  });

  it.each([
    ['', 'InvalidArgs: version: missing'],
    ['v1 1 NOFLAG c', 'InvalidVersion: version "v1": not v2'],
    ['V2 1 NOFLAG c', 'InvalidVersion: version "V2": not v2'],
    ['v2', 'InvalidArgs: epoch: missing'],
    ['v2 0x10 NOFLAG c', 'InvalidArgs: epoch "0x10": not a whole number up to 9007199254740991'],
    ['v2 -1 NOFLAG c', 'InvalidArgs: epoch "-1": not a whole number up to 9007199254740991'],
    [
      'v2 9007199254740992 NOFLAG c',
      'InvalidArgs: epoch "9007199254740992": not a whole number up to 9007199254740991',
    ],
    ['v2 1', 'InvalidArgs: flags: missing'],
    ['v2 1 NOFLAG', 'InvalidArgs: cluster name: missing'],
    ['v2 1 COMPRESS', 'InvalidArgs: payload: missing'],
    [
      'v2 1 NOFLAG no/name',
      'InvalidClusterName: cluster name "no/name": not up to 31 of A-Z a-z 0-9 @ - _',
    ],
    ['v2 1 NOFLAG c stray', 'InvalidArgs: local[0]: address "stray": not host:port'],
    ['v2 1 NOFLAG c h:1', 'InvalidArgs: local[0]: slot range count: missing'],
    ['v2 1 NOFLAG c h:1 x', 'InvalidArgs: local[0]: slot range count "x": not a whole number'],
    ['v2 1 NOFLAG c h:1 2 1-2', 'InvalidArgs: local[0]: slot range count 2: only 1 words follow'],
    ['v2 1 NOFLAG c h:1 1 1-2 3-4', 'InvalidArgs: local[1]: address "3-4": not host:port'],
    ['v2 1 NOFLAG c h:1 1 7', 'InvalidArgs: local[0]: slot range "7": not start-end'],
    ['v2 1 NOFLAG c h:1 1 1-2-3', 'InvalidArgs: local[0]: slot range "1-2-3": not start-end'],
    [
      'v2 1 NOFLAG c h:1 1 1-2 h:2 1 3-4 h:1 1 12-99999',
      'InvalidArgs: local[2]: slot range "12-99999": not a slot (they end at 16383)',
    ],
    [
      'v2 1 NOFLAG c PEER h:1 1 0-16384',
      'InvalidArgs: peer[0]: slot range "0-16384": not a slot (they end at 16383)',
    ],
    [
      'v2 1 NOFLAG c h:1 MIGRATING 1 1-2 one a:1 b:2 c:3 d:4',
      'InvalidArgs: local[0]: epoch "one": not a whole number up to 9007199254740991',
    ],
    [
      'v2 1 NOFLAG c h:1 IMPORTING 1 1-2 1 a:1 b:2 c:3',
      'InvalidArgs: local[0]: destination node address: missing',
    ],
    [
      'v2 1 NOFLAG c h:1 IMPORTING 1 1-2 1 a:1 b:2 c d:4',
      'InvalidArgs: local[0]: destination proxy address "c": not host:port',
    ],
    ['v2 1 NOFLAG c REPLICA h:1', 'InvalidArgs: replica[0]: address: missing'],
    [
      'v2 1 NOFLAG c REPLICA h:1 CONFIG',
      'InvalidArgs: replica[0]: address "CONFIG": not host:port',
    ],
    ['v2 1 NOFLAG c REPLICA h:1 h:2 h:3 x', 'InvalidArgs: replica[1]: address "x": not host:port'],
    ['v2 1 NOFLAG c REPLICA x h:2', 'InvalidArgs: replica[0]: master "x": not host:port'],
    ['v2 1 NOFLAG c CONFIG a', 'InvalidArgs: config: field "a" has no value'],
    ['v2 1 COMPRESS e30=', 'InvalidArgs: payload: not gzip (Z_DATA_ERROR)'],
  ])('refuses %j: %s', (text, refusal) => {
    expect(refusalOf(parseSetCluster(text === '' ? [] : words(text)))).toBe(refusal);
  });

  it('quotes foreign words cut and escaped', () => {
    const refusal = refusalOf(parseSetCluster(['v2', '1', '', 'c', `\r\n${'x'.repeat(10_000)}`]));
    expect(refusal).toMatch(
      /^InvalidArgs: local\[0\]: address "\\r\\nx{62}"… \(10002 characters\)/,
    );
  });

  it('reads replicas in any place, and refuses more than the limit in both forms', () => {
    const sent = 'v2 1 NOFLAG c replica h:1 h:2 h:3 h:4 PEER h:1 1 1-2';
    const command = valueOf(parse(sent));
    expect(valueOf(parse('v2 1 NOFLAG c REPLICA')).replicas).toEqual([]);
    expect(command.replicas).toEqual([
      { master: 'h:1', address: 'h:2' },
      { master: 'h:3', address: 'h:4' },
    ]);
    expect(command.peers).toHaveLength(1);
    const nodesMax = 1;
    expect(refusalOf(parseSetCluster(words(sent), { nodesMax }))).toBe(
      'InvalidArgs: replica[1]: more than 1 replicas',
    );
    const packed = encodeSetCluster(command, { compress: true });
    expect(refusalOf(parseSetCluster(packed, { nodesMax }))).toBe(
      'InvalidArgs: payload.replicas: not an array of at most 1 replicas',
    );
  });

  it('refuses more words than the limit', () => {
    const sent = words('v2 1 NOFLAG c h:1 1 1-2');
    expect(parseSetCluster(sent, { wordsMax: 7 }).ok).toBe(true);
    expect(refusalOf(parseSetCluster(sent, { wordsMax: 6 }))).toBe(
      'InvalidArgs: 7 words, over the limit',
    );
  });

  it('refuses a payload that inflates past the limit', () => {
    const payload = compressJson({ padding: ' '.repeat(1_000_000) });
    const sent = ['v2', '1', 'COMPRESS', payload];
    expect(refusalOf(parseSetCluster(sent, { inflatedBytesMax: 100_000 }))).toBe(
      'InvalidArgs: payload: inflates to more than 100000 bytes',
    );
  });

  it('reads a command of a slot an item, each word a few times only', () => {
    const sent = words('v2 1 NOFLAG c');
    for (let id = 0; id < 16_384; id++) sent.push(`10.0.0.${id % 200}:7001`, '1', `${id}-${id}`);
    sent.push('PEER');
    for (let id = 16_383; id >= 0; id--) sent.push('h:1', '1', `${id}-${id}`);
    let reads = 0;
    const get = (target: string[], key: string | symbol): unknown => {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
      return Reflect.get(target, key);
    };
    const command = valueOf(parseSetCluster(new Proxy(sent, { get })));
    expect(reads).toBeLessThan(3 * sent.length);
    expect(command.local).toHaveLength(200);
    expect(command.peers[0]!.slots).toHaveLength(16_384);
  });
});

describe('the CONFIG part is read leniently', () => {
  it('takes fields and strategies in any case', () => {
    const command = config('Compression_Strategy ALLOW_ALL MIGRATION_SCAN_COUNT 99');
    expect(command.config).toEqual({
      compressionStrategy: 'allow_all',
      migration: { ...DEFAULT_CLUSTER_CONFIG.migration, scanCount: 99 },
      splitCommands: false,
    });
    expect(command.configWarning).toBeNull();
  });

  it('skips unknown fields and keeps the known ones, wherever they stand', () => {
    const command = config('migration_scan_count 99 newer_field PEER migration_scan_interval 7');
    expect(command.config.migration).toMatchObject({ scanCount: 99, scanInterval: 7 });
    expect(command.configWarning).toBe(
      'ignored invalid config: "newer_field": no such configuration field',
    );
  });

  it('takes the default for an invalid value, even after a valid one', () => {
    const command = config(
      'migration_scan_count 99 migration_scan_count 0 compression_strategy zip',
    );
    expect(command.config).toEqual(DEFAULT_CLUSTER_CONFIG);
    expect(command.configWarning).toBe(
      'ignored invalid config: migration_scan_count "0": not a whole number from 1 to 9007199254740991; ' +
        'compression_strategy "zip": not one of disabled, set_get_only, allow_all',
    );
  });

  it('takes split_commands, which is off unless it says true', () => {
    expect(config('SPLIT_COMMANDS True').config.splitCommands).toBe(true);
    const wrong = config('split_commands true split_commands yes');
    expect(wrong.config.splitCommands).toBe(false);
    expect(wrong.configWarning).toBe(
      'ignored invalid config: split_commands "yes": not one of true, false',
    );
  });

  it('is as lenient with the compressed form', () => {
    const json = {
      cluster_name: '',
      local: {},
      peer: {},
      cluster_config: {
        compression_strategy: 'zip',
        newer: 1,
        migration_config: { max_migration_time: 1, max_blocking_time: -1, scan_interval: 3 },
      },
    };
    const command = valueOf(
      finishSlices(decodeSetClusterJson(json, { path: 'payload', nodesMax: 10 }, new SliceMeter())),
    );
    expect(command.config).toEqual({
      compressionStrategy: 'disabled',
      migration: {
        maxMigrationTime: 1,
        maxBlockingTime: 10_000,
        scanInterval: 3,
        scanCount: 16,
      },
      splitCommands: false,
    });
    expect(command.configWarning).toBe(
      'ignored invalid config: payload.cluster_config.compression_strategy: not a compression strategy; ' +
        'payload.cluster_config.migration_config.max_blocking_time: not a whole number from 0 to 9007199254740991; ' +
        'payload.cluster_config.migration_config.scan_count: not a whole number from 1 to 9007199254740991',
    );
  });

  it('keeps the warning short', () => {
    const fields = Array.from({ length: 1000 }, (_, i) => `field${i} ${i}`);
    const warning = config(fields.join(' ')).configWarning;
    expect(warning).toContain('"field4"');
    expect(warning).toMatch(/; and 995 more$/);
    expect(warning!.length).toBeLessThan(500);
  });
});

describe('the compressed form is checked as the plain one', () => {
  const slots = [{ range_list: [[0, 1]], tag: 'None' }];
  const valid = { cluster_name: 'c', local: {}, peer: {}, cluster_config: {} };

  it.each<[unknown, string]>([
    [[], 'payload: not an object'],
    [{ ...valid, cluster_name: null }, 'payload.cluster_name: not a cluster name'],
    [{ ...valid, cluster_name: 'a b' }, 'payload.cluster_name: not a cluster name'],
    [{ ...valid, local: [] }, 'payload.local: not an object'],
    [{ ...valid, local: undefined }, 'payload.local: missing, should be an object'],
    [{ ...valid, peer: { 'h:1': slots, x: slots } }, 'payload.peer."x": not an address host:port'],
    [{ ...valid, local: { 'h:1': null } }, 'payload.local."h:1": not an array'],
    [
      { ...valid, peer: { 'h:1': [...slots, { range_list: [[0, 16_384]], tag: 'None' }] } },
      'payload.peer."h:1"[1].range_list[0]: not a pair of slots [start, end]',
    ],
    [{ ...valid, replicas: {} }, 'payload.replicas: not an array of at most'],
    [{ ...valid, replicas: [{ master: 'h:1' }] }, 'payload.replicas[0].address: missing'],
    [{ ...valid, cluster_config: undefined }, 'payload.cluster_config: missing'],
  ])('refuses %j: %s', (json, message) => {
    const outcome = parseSetCluster(['v2', '1', 'COMPRESS', compressJson(json)]);
    expect(refusalOf(outcome)).toContain(`InvalidArgs: ${message}`);
  });

  it('reads an empty name as "in no cluster", in any order of members, ignoring unknown ones', () => {
    const json = '{"cluster_config":{},"peer":{},"__proto__":{"x":1},"local":{},"cluster_name":""}';
    const payload = compressJson(JSON.parse(json));
    expect(valueOf(parseSetCluster(['v2', '0', 'COMPRESS', payload]))).toEqual({
      epoch: EPOCH_ZERO,
      force: false,
      clusterName: null,
      local: [],
      peers: [],
      replicas: null,
      config: DEFAULT_CLUSTER_CONFIG,
      configWarning: null,
    });
  });
});
