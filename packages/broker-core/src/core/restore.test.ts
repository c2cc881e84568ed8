import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { CheckedStore, EXPANDING_DUMP } from '../../test/store-fixture.ts';
import { placementViolations } from './invariants.ts';
import { parseDump } from './restore.ts';

type Json = Record<string, unknown>;

/** The example dump with one member changed; `path` as in messages, without dots in names. */
function changed(path: readonly (string | number)[], value: unknown): Json {
  const copy = structuredClone(EXPANDING_DUMP);
  let target = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) target = target[key] as Record<string | number, unknown>;
  const last = path.at(-1);
  assert(last !== undefined);
  if (value === undefined) delete target[last];
  else target[last] = value;
  return copy;
}

const CHUNK = ['clusters', 'demo', 'chunks', 0] as const;
const PROXY = ['all_proxies', '10.0.1.1:6001'] as const;

describe('dumps that are not read', () => {
  test.each<{ path: (string | number)[]; value: unknown; field: string }>([
    { path: ['global_epoch'], value: -1, field: 'global_epoch' },
    { path: ['global_epoch'], value: 2 ** 53, field: 'global_epoch' },
    { path: ['global_epoch'], value: 2 ** 52 + 1, field: 'global_epoch' },
    { path: ['global_epoch'], value: '7', field: 'global_epoch' },
    { path: ['clusters'], value: [], field: 'clusters' },
    { path: ['clusters', 'demo', 'name'], value: 'a b', field: 'clusters.demo.name' },
    { path: ['clusters', 'demo', 'epoch'], value: 1.5, field: 'clusters.demo.epoch' },
    { path: ['clusters', 'demo', 'config'], value: null, field: 'clusters.demo.config' },
    {
      path: [...CHUNK, 'role_position'],
      value: 'normal',
      field: 'clusters.demo.chunks[0].role_position',
    },
    {
      path: [...CHUNK, 'stable_slots', 1],
      value: 3,
      field: 'clusters.demo.chunks[0].stable_slots[1]',
    },
    {
      path: [...CHUNK, 'stable_slots', 0, 'range_list', 0, 1],
      value: 16_384,
      field: 'clusters.demo.chunks[0].stable_slots[0].range_list[0][1]',
    },
    {
      path: [...CHUNK, 'stable_slots', 0, 'tag'],
      value: 'Migrating',
      field: 'clusters.demo.chunks[0].stable_slots[0].tag',
    },
    {
      path: [...CHUNK, 'migrating_slots', 0, 0, 'meta', 'dst_chunk_part'],
      value: 2,
      field: 'clusters.demo.chunks[0].migrating_slots[0][0].meta.dst_chunk_part',
    },
    {
      path: [...CHUNK, 'node_addresses', 3],
      value: undefined,
      field: 'clusters.demo.chunks[0].node_addresses[3]',
    },
    { path: [...CHUNK, 'hosts'], value: ['a'], field: 'clusters.demo.chunks[0].hosts' },
    {
      path: [...PROXY, 'node_addresses', 0],
      value: 'x',
      field: 'all_proxies.10.0.1.1:6001.node_addresses[0]',
    },
    { path: [...PROXY, 'index'], value: undefined, field: 'all_proxies.10.0.1.1:6001.index' },
    { path: ['all_proxies', 'nowhere'], value: {}, field: 'all_proxies.nowhere' },
    { path: ['failed_proxies', 0], value: 7, field: 'failed_proxies[0]' },
    { path: ['failures', '10.0.1.1:6001'], value: { r: 'now' }, field: 'failures.10.0.1.1:6001.r' },
    { path: ['enable_ordered_proxy'], value: undefined, field: 'enable_ordered_proxy' },
    { path: ['version'], value: undefined, field: 'version' },
  ])('$field', ({ path, value, field }) => {
    const parsed = parseDump(changed(path, value));
    assert(!parsed.ok);
    expect(parsed.code).toBe('INVALID_BODY');
    expect(parsed.field).toBe(field);
    expect(parsed.message.startsWith(field)).toBe(true);
  });

  test('another version', () => {
    expect(parseDump(changed(['version'], 'mem-broker-0.1'))).toMatchObject({
      ok: false,
      code: 'INVALID_META_VERSION',
    });
  });

  test.each([null, 7, 'x', [], {}])('%j', (value) => {
    expect(parseDump(value)).toMatchObject({ ok: false, code: 'INVALID_BODY' });
  });
});

describe('dumps that contradict themselves', () => {
  test.each<{ what: RegExp; path: (string | number)[]; value: unknown }>([
    {
      what: /slot 4095 has no owner/,
      path: [...CHUNK, 'stable_slots', 0, 'range_list', 0, 1],
      value: 4094,
    },
    {
      what: /1 slots have two owners/,
      path: [...CHUNK, 'stable_slots', 0, 'range_list', 0, 1],
      value: 4096,
    },
    { what: /above the global one/, path: ['global_epoch'], value: 6 },
    { what: /stored as other/, path: ['clusters', 'demo', 'name'], value: 'other' },
    {
      what: /10\.0\.1\.1:6001 is in two places/,
      path: [...CHUNK, 'proxy_addresses', 1],
      value: '10.0.1.1:6001',
    },
    { what: /not registered$/, path: PROXY.slice(), value: undefined },
    { what: /not registered as a member/, path: [...PROXY, 'cluster'], value: null },
    { what: /registered with other nodes/, path: [...PROXY, 'node_addresses', 1], value: 'x:1' },
    { what: /stored under another address/, path: [...PROXY, 'proxy_address'], value: 'x:1' },
    {
      what: /belongs to another part/,
      path: [...CHUNK, 'migrating_slots', 0, 0, 'meta', 'src_chunk_part'],
      value: 1,
    },
    {
      what: /no single other copy/,
      path: [...CHUNK, 'migrating_slots', 0, 0, 'meta', 'dst_chunk_index'],
      value: 9,
    },
    {
      what: /no single other copy/,
      path: [...CHUNK, 'migrating_slots', 0, 0, 'meta', 'epoch'],
      value: 6,
    },
    { what: /a later epoch/, path: ['clusters', 'demo', 'epoch'], value: 6 },
    {
      what: /no chunk of its cluster demo has it/,
      path: ['all_proxies', '10.0.1.9:6001'],
      value: {
        proxy_address: '10.0.1.9:6001',
        node_addresses: ['10.0.1.9:7001', '10.0.1.9:7002'],
        host: 'h',
        index: 0,
        cluster: 'demo',
      },
    },
  ])('$what', ({ what, path, value }) => {
    const parsed = parseDump(changed(path, value));
    assert(!parsed.ok);
    expect(parsed.message).toMatch(what);
  });
});

test('reports about addresses that nobody registered are left behind', () => {
  const dump = changed(['failures'], { '9.9.9.9:1': { r: 1 }, '10.0.1.1:6001': { r: 2 } });
  const parsed = parseDump({ ...dump, failed_proxies: ['9.9.9.9:1', '10.0.1.2:6001'] });
  assert(parsed.ok);
  expect([...parsed.value.failures.keys()]).toEqual(['10.0.1.1:6001']);
  expect([...parsed.value.failedProxies]).toEqual(['10.0.1.2:6001']);
});

test('chunks on one host are read, and told', () => {
  const parsed = parseDump(changed([...CHUNK, 'hosts'], ['same', 'same']));
  assert(parsed.ok);
  expect(placementViolations(parsed.value)).toEqual([
    'demo: both halves of a chunk are on host same',
  ]);
});

describe('restore', () => {
  test.each([
    { present: 6, code: null },
    { present: 7, code: null },
    { present: 8, code: 'EPOCH_SMALLER_THAN_CURRENT' },
  ])('over epoch $present', ({ present, code }) => {
    const parsed = parseDump(EXPANDING_DUMP);
    assert(parsed.ok);
    const store = new CheckedStore({ ...new CheckedStore().state, globalEpoch: present as never });
    expect(store.code({ kind: 'restore', store: parsed.value })).toBe(code);
    expect(store.state.clusters.size).toBe(code === null ? 1 : 0);
  });
});

test('the same state again is no change', () => {
  const dump = parseDump(EXPANDING_DUMP);
  const again = parseDump(structuredClone(EXPANDING_DUMP));
  assert(dump.ok && again.ok);
  const store = new CheckedStore();
  store.must({ kind: 'restore', store: dump.value });
  const step = store.step({ kind: 'restore', store: again.value });
  expect(step.state).toBe(dump.value);
  expect(step.events).toEqual([]);
});
