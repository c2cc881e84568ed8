import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterConfigToJson,
  clusterToJson,
  DEFAULT_CLUSTER_CONFIG,
  nodeToJson,
  parseClusterConfigJson,
  parseClusterJson,
  parseMigrationTaskJson,
  parseNodeJson,
  parseProxyJson,
  parseTaggedSlotsJson,
  proxyToJson,
  taggedSlotsToJson,
} from '../src/index.ts';
import { clusterConfig, clusterMeta, proxyMeta, taggedSlots } from './arbitraries.ts';
import { refusalOf, valueOf } from './outcomes.ts';
import { COMMIT_BODY, FREE_PROXY, MEMBER_PROXY } from './worked-example.ts';

const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const node = MEMBER_PROXY.nodes[0]!;

const proxyWith = (second: object): unknown => ({
  ...MEMBER_PROXY,
  nodes: [node, { ...node, ...second }],
});

describe('round trips', () => {
  it('slots, configurations, nodes, clusters, proxies', () => {
    fc.assert(
      fc.property(
        taggedSlots,
        clusterConfig,
        clusterMeta,
        proxyMeta,
        (slots, config, cluster, proxy) => {
          const parsed = [
            valueOf(parseTaggedSlotsJson(overTheWire(taggedSlotsToJson(slots)))),
            valueOf(parseClusterConfigJson(overTheWire(clusterConfigToJson(config)))),
            valueOf(parseClusterJson(overTheWire(clusterToJson(cluster)))),
            valueOf(parseProxyJson(overTheWire(proxyToJson(proxy)))),
            ...cluster.nodes.map((one) => valueOf(parseNodeJson(overTheWire(nodeToJson(one))))),
          ];
          expect(parsed).toEqual([slots, config, cluster, proxy, ...cluster.nodes]);
        },
      ),
    );
  });

  it.each([
    ['a member', MEMBER_PROXY],
    ['a free proxy', FREE_PROXY],
  ])('the document of %s, byte for byte', (_, document) => {
    const text = JSON.stringify(document);
    expect(JSON.stringify(proxyToJson(valueOf(parseProxyJson(JSON.parse(text)))))).toBe(text);
  });
});

describe('leniency', () => {
  it('ignores unknown members, and reads absent ones that may be', () => {
    const { cluster_name: _name, cluster_config: _config, ...rest } = FREE_PROXY;
    const document = { ...rest, free_nodes: [], clusters_config: {} };
    expect(parseProxyJson(document)).toEqual(parseProxyJson(FREE_PROXY));
    expect(parseProxyJson({ ...FREE_PROXY, cluster_name: '' })).toEqual(parseProxyJson(FREE_PROXY));
    expect(valueOf(parseClusterJson({ name: 'c', epoch: 1, nodes: [] })).config).toEqual(
      DEFAULT_CLUSTER_CONFIG,
    );
    expect(valueOf(parseClusterConfigJson({ compression_strategy: null }))).toEqual(
      DEFAULT_CLUSTER_CONFIG,
    );
  });

  it('reads roles and strategies in any case', () => {
    const shouted = { ...node, repl: { ...node.repl, role: 'MASTER' } };
    expect(parseNodeJson(shouted)).toEqual(parseNodeJson(node));
    expect(
      valueOf(parseClusterConfigJson({ compression_strategy: 'Set_Get_Only' })).compressionStrategy,
    ).toBe('set_get_only');
  });

  it('has split_commands only where it is true', () => {
    const on = { ...DEFAULT_CLUSTER_CONFIG, splitCommands: true };
    expect(clusterConfigToJson(on)).toHaveProperty('split_commands', true);
    expect(valueOf(parseClusterConfigJson(clusterConfigToJson(on)))).toEqual(on);
    expect(clusterConfigToJson(DEFAULT_CLUSTER_CONFIG)).not.toHaveProperty('split_commands');
    expect(valueOf(parseClusterConfigJson({ split_commands: false })).splitCommands).toBe(false);
  });

  it('brings ranges into normal form', () => {
    const ranges = [
      [9, 5],
      [0, 4],
      [20, 20],
    ];
    expect(valueOf(parseTaggedSlotsJson({ range_list: ranges, tag: 'None' })).ranges).toEqual([
      [0, 9],
      [20, 20],
    ]);
  });
});

describe('refusals name the path of the field', () => {
  it.each<[unknown, string]>([
    [null, 'not an object'],
    [[], 'not an object'],
    ['text', 'not an object'],
    [{}, 'address: missing, should be an address host:port'],
    [{ ...MEMBER_PROXY, address: 'nowhere' }, 'address: not an address host:port'],
    [{ ...MEMBER_PROXY, epoch: '7' }, 'epoch: not a whole number from 0 to 9007199254740991'],
    [{ ...MEMBER_PROXY, epoch: 2 ** 53 }, 'epoch: not a whole number from 0 to 9007199254740991'],
    [{ ...MEMBER_PROXY, cluster_name: 'a b' }, 'cluster_name: not a cluster name'],
    [{ ...MEMBER_PROXY, nodes: {} }, 'nodes: not an array'],
    [{ ...MEMBER_PROXY, peers: undefined }, 'peers: missing, should be an array'],
    [{ ...MEMBER_PROXY, peers: [{ slots: [] }] }, 'peers[0].proxy_address: missing'],
    [proxyWith({ repl: { role: 'slave', peers: [] } }), 'nodes[1].repl.role: not "master"'],
    [proxyWith({ repl: { role: 'master', peers: [1] } }), 'nodes[1].repl.peers[0]: not an object'],
    [
      proxyWith({ slots: [{ range_list: [[0, 1, 2]], tag: 'None' }] }),
      'nodes[1].slots[0].range_list[0]: not a pair of slots [start, end]',
    ],
    [
      proxyWith({ slots: [{ range_list: [[0, 1.5]], tag: 'None' }] }),
      'nodes[1].slots[0].range_list[0]: not a pair of slots [start, end]',
    ],
    [
      proxyWith({ slots: [{ range_list: [['0', '1']], tag: 'None' }] }),
      'nodes[1].slots[0].range_list[0]: not a pair of slots [start, end]',
    ],
    [
      proxyWith({ slots: [{ range_list: [], tag: 'none' }] }),
      'nodes[1].slots[0].tag: not "None", {"Migrating": …} or {"Importing": …}',
    ],
    [
      proxyWith({ slots: [{ range_list: [], tag: { Migrating: {}, Importing: {} } }] }),
      'nodes[1].slots[0].tag: not "None"',
    ],
    [
      proxyWith({ slots: [{ range_list: [], tag: { Migrating: { epoch: -1 } } }] }),
      'nodes[1].slots[0].tag.Migrating.epoch: not a whole number',
    ],
    [
      { ...MEMBER_PROXY, cluster_config: { compression_strategy: 'zip' } },
      'cluster_config.compression_strategy: not a compression strategy',
    ],
    [
      { ...MEMBER_PROXY, cluster_config: { migration_config: { max_migration_time: 1 } } },
      'cluster_config.migration_config.max_blocking_time: not a whole number',
    ],
    [
      { ...MEMBER_PROXY, cluster_config: { split_commands: 'true' } },
      'cluster_config.split_commands: not true or false',
    ],
    [
      { ...MEMBER_PROXY, cluster_config: { migration_config: [] } },
      'cluster_config.migration_config: not an object',
    ],
  ])('%j: %s', (document, message) => {
    expect(refusalOf(parseProxyJson(document))).toContain(`INVALID_JSON_FIELD: ${message}`);
  });

  it('under the path of the caller', () => {
    expect(refusalOf(parseClusterJson({ name: '' }, 'clusters.demo'))).toContain(
      'clusters.demo.name: not a cluster name',
    );
    expect(refusalOf(parseClusterConfigJson(1, 'config'))).toContain('config: not an object');
  });

  it('for tasks without a tag', () => {
    const body = COMMIT_BODY.replace(/"tag":\{.*?\}\}/, '"tag":"None"');
    expect(refusalOf(parseMigrationTaskJson(JSON.parse(body)))).toBe(
      'INVALID_JSON_FIELD: slot_range.tag: not {"Migrating": …} or {"Importing": …}',
    );
  });
});

it('any JSON is read or refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const parse of [
        parseTaggedSlotsJson,
        parseClusterConfigJson,
        parseNodeJson,
        parseClusterJson,
        parseProxyJson,
        parseMigrationTaskJson,
      ]) {
        expect(parse(value)).toHaveProperty('ok');
      }
    }),
  );
});
