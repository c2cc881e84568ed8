import assert from 'node:assert/strict';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { BROKER_STATUS, isBrokerErrorCode } from '../codes.ts';
import { brokerConfigSchema, brokerConfigToJson } from './broker-config.ts';
import {
  clusterInfoSchema,
  clusterInfoToJson,
  clusterPayloadToJson,
  clusterSchema,
  configChangesSchema,
  createClusterSchema,
  createClusterToJson,
} from './cluster.ts';
import { epochPayloadSchema, epochRecoverySchema, epochRecoveryToJson } from './epoch.ts';
import { errorBodySchema } from './error-body.ts';
import { addressesSchema, clusterNamesSchema, pageSchema } from './listing.ts';
import { metaStoreSchema, metaStoreToJson, metaStoreVersionOf } from './meta-store.ts';
import { migrationTaskSchema } from './migration.ts';
import { parsePayload } from './parse-payload.ts';
import { addProxySchema, addProxyToJson, proxyPayloadToJson, proxySchema } from './proxy.ts';

import { resourceCheckSchema, resourceCheckToJson } from './resource-check.ts';
import {
  addNodesSchema,
  addNodesToJson,
  addNodesUpToSchema,
  addNodesUpToToJson,
  clusterPlanSchema,
  clusterPlanToJson,
  nodesSchema,
  nodesToJson,
} from './scale.ts';

const NODE = {
  address: 'a:1',
  proxy_address: 'a:2',
  slots: [{ range_list: [[0, 16_383]], tag: 'None' }],
  repl: { role: 'master', peers: [{ node_address: 'b:1', proxy_address: 'b:2' }] },
};
const CONFIG = {
  compression_strategy: 'disabled',
  migration_config: {
    max_migration_time: 1,
    max_blocking_time: 2,
    scan_interval: 3,
    scan_count: 4,
  },
};
const PROXY = {
  cluster_name: 'demo',
  address: 'a:2',
  epoch: 3,
  nodes: [NODE],
  peers: [{ proxy_address: 'b:2', slots: [] }],
  cluster_config: CONFIG,
};

/** Payloads that are written and read: JSON in, the same JSON out. */
const ROUND_TRIPS: readonly [string, unknown, (json: unknown) => unknown][] = [
  [
    'cluster',
    { cluster: { name: 'demo', epoch: 3, nodes: [NODE], config: CONFIG } },
    through(clusterSchema, clusterPayloadToJson),
  ],
  ['no cluster', { cluster: null }, through(clusterSchema, clusterPayloadToJson)],
  [
    'cluster info',
    { name: 'demo', node_number: 4, node_number_with_slots: 2, is_migrating: true },
    through(clusterInfoSchema, clusterInfoToJson),
  ],
  ['new cluster', { node_number: 8 }, through(createClusterSchema, createClusterToJson)],
  ['proxy', { proxy: PROXY }, through(proxySchema, proxyPayloadToJson)],
  ['no proxy', { proxy: null }, through(proxySchema, proxyPayloadToJson)],
  [
    'new proxy',
    { proxy_address: 'a:2', nodes: ['a:3', 'a:4'], host: 'h', index: 3 },
    through(addProxySchema, addProxyToJson),
  ],
  [
    'new proxy without a host',
    { proxy_address: 'a:2', nodes: ['a:3', 'a:4'], host: null, index: null },
    through(addProxySchema, addProxyToJson),
  ],
  [
    'configuration',
    { replica_addresses: ['a:1', '[::1]:2'] },
    through(brokerConfigSchema, brokerConfigToJson),
  ],
  ['nodes to add', { node_number: 8 }, through(addNodesSchema, addNodesToJson)],
  ['nodes to have', { cluster_node_number: 8 }, through(addNodesUpToSchema, addNodesUpToToJson)],
  ['added nodes', [NODE], through(nodesSchema, nodesToJson)],
  [
    'preview',
    {
      plan: {
        cluster_name: 'demo',
        node_number: 8,
        added_proxies: ['a:1'],
        removed_proxies: ['b:1'],
        slot_count: 2,
        tasks: [
          {
            cluster_name: 'demo',
            slot_range: {
              range_list: [[1, 2]],
              tag: {
                Migrating: {
                  epoch: 3,
                  src_proxy_address: 'a:1',
                  src_node_address: 'a:2',
                  dst_proxy_address: 'b:1',
                  dst_node_address: 'b:2',
                },
              },
            },
          },
        ],
      },
    },
    through(clusterPlanSchema, clusterPlanToJson),
  ],
  [
    'resource check',
    {
      hosts_cannot_fail: ['h'],
      clusters: [{ name: 'demo', hosts: [{ host: 'h', reason: 'LAST_COPY' }] }],
    },
    through(resourceCheckSchema, resourceCheckToJson),
  ],
  ['recovery', { failed_addresses: ['a:1'] }, through(epochRecoverySchema, epochRecoveryToJson)],
];

function through<T>(
  schema: z.ZodType<T>,
  toJson: (value: T) => unknown,
): (json: unknown) => unknown {
  return (json) => {
    const parsed = parsePayload(schema, json);
    assert(parsed.ok, JSON.stringify(parsed));
    return JSON.parse(JSON.stringify(toJson(parsed.value))) as unknown;
  };
}

describe('payloads that are read and written', () => {
  test.each(ROUND_TRIPS)('%s', (_, json, roundTrip) => {
    expect(roundTrip(json)).toEqual(json);
  });

  test('a missing document is no document', () => {
    expect(parsePayload(clusterSchema, { error: 'X' })).toEqual({
      ok: true,
      value: { cluster: null },
    });
    expect(parsePayload(proxySchema, {})).toEqual({ ok: true, value: { proxy: null } });
  });
});

describe('refusals name the field', () => {
  test.each<[z.ZodType, unknown, string]>([
    [clusterSchema, { cluster: { ...PROXY } }, 'cluster.name'],
    [
      clusterSchema,
      { cluster: { name: 'x', epoch: 1, nodes: [{ ...NODE, repl: { role: 'king', peers: [] } }] } },
      'cluster.nodes[0].repl.role',
    ],
    [proxySchema, { proxy: { ...PROXY, epoch: 2 ** 53 } }, 'proxy.epoch'],
    [proxySchema, { proxy: { ...PROXY, nodes: {} } }, 'proxy.nodes'],
    [proxySchema, { proxy: [] }, 'proxy'],
    [addressesSchema, { addresses: ['a:1', 'b'] }, 'addresses[1]'],
    [addressesSchema, { names: [] }, 'addresses'],
    [clusterNamesSchema, { names: ['a', ''] }, 'names[1]'],
    [clusterInfoSchema, { name: 'a', node_number: -1 }, 'node_number'],
    [epochPayloadSchema, '7', ''],
    [epochPayloadSchema, 1.5, ''],
    [errorBodySchema, { message: 'x' }, 'error'],
    [
      migrationTaskSchema,
      { cluster_name: 'a', slot_range: { range_list: [[1]], tag: 'None' } },
      'slot_range.range_list[0]',
    ],
    [configChangesSchema, { a: 'b', c: {} }, 'c'],
    [pageSchema, { offset: '1', limit: '-1' }, 'limit'],
    [metaStoreSchema, { global_epoch: 0, clusters: { 'a b': {} } }, 'clusters.a b'],
  ])('%#: %j %s', (schema, json, field) => {
    const parsed = parsePayload(schema, json);
    assert(!parsed.ok);
    expect(parsed).toMatchObject({ code: 'INVALID_BODY', field });
    expect(parsed.message.startsWith(`${field === '' ? 'body' : field}: `)).toBe(true);
  });
});

test('any JSON value is read or refused, never thrown at', () => {
  const schemas = [
    clusterSchema,
    proxySchema,
    addProxySchema,
    metaStoreSchema,
    migrationTaskSchema,
    configChangesSchema,
    pageSchema,
  ];
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...schemas), (value, schema) => {
      const parsed = parsePayload<unknown>(schema, value);
      assert(parsed.ok || parsed.message.length > 0);
    }),
    { numRuns: 300 },
  );
});

describe('the dump', () => {
  test('keeps names that mean something to JavaScript', () => {
    const text =
      '{"version":"mem-broker-0.2","global_epoch":1,"clusters":{},"all_proxies":{},"failed_proxies":["b:1","a:1"],' +
      '"failures":{"b:1":{"__proto__":5,"constructor":6},"a:1":{"toString":7}},"enable_ordered_proxy":true}';
    const parsed = parsePayload(metaStoreSchema, JSON.parse(text));
    assert(parsed.ok, JSON.stringify(parsed));
    const address = parseNodeAddress('b:1');
    assert(address !== null);
    expect([...(parsed.value.failures.get(address) ?? [])]).toEqual([
      ['__proto__', 5],
      ['constructor', 6],
    ]);
    // Sorted wherever there is an order.
    expect(JSON.stringify(metaStoreToJson(parsed.value))).toBe(
      '{"version":"mem-broker-0.2","global_epoch":1,"clusters":{},"all_proxies":{},"failed_proxies":["a:1","b:1"],' +
        '"failures":{"a:1":{"toString":7},"b:1":{"__proto__":5,"constructor":6}},"enable_ordered_proxy":true}',
    );
  });

  test.each([
    [{ version: 'x' }, 'x'],
    [{ version: 1 }, null],
    [{}, null],
    [null, null],
    ['version', null],
  ])('%j has the version %j', (dump, version) => {
    expect(metaStoreVersionOf(dump)).toBe(version);
  });
});

test('a refused proxy has two different servers to have', () => {
  expect(parsePayload(addProxySchema, { proxy_address: 'a', nodes: ['a:1', 'a:1'] })).toMatchObject(
    {
      field: 'nodes[1]',
      message: 'nodes[1]: expected two different Redis servers',
    },
  );
});

test('codes have a status that says whose fault it is', () => {
  expect(isBrokerErrorCode('RETRY')).toBe(true);
  expect(isBrokerErrorCode('toString')).toBe(false);
  expect(isBrokerErrorCode(5)).toBe(false);
  for (const status of Object.values(BROKER_STATUS)) expect(status).toBeGreaterThanOrEqual(400);
});
