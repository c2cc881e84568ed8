import assert from 'node:assert/strict';
import { metaStoreToJson } from '@undermoon/broker-api';
import { expect, test } from 'vitest';
import { addProxyCommand, CheckedStore, proxyAt } from '../../test/store-fixture.ts';
import { parseDump } from './restore.ts';

test('LIM-15: zone and weight are in the dump where there are any, and change with a registration', () => {
  const store = new CheckedStore();
  store.must(addProxyCommand(1));
  expect(JSON.stringify(metaStoreToJson(store.state))).not.toMatch(/zone|weight|replica_address/);
  store.must(addProxyCommand(2, 'h2', null, { zone: 'x', weight: 250 }));
  store.must(addProxyCommand(3, 'h3', null, { replicaAddress: '10.0.0.3:6002' }));
  const labelled = store.state;
  expect(store.code(addProxyCommand(2))).toBe('ALREADY_EXISTED');
  expect(store.state).toBe(labelled);
  expect(store.code(addProxyCommand(2, 'other', null, { zone: 'y' }))).toBe('ALREADY_EXISTED');
  expect(store.state.proxies.get(proxyAt(2))).toMatchObject({ zone: 'y', weight: 250, host: 'h2' });
  // Proxies are told the same as before.
  expect(store.state.globalEpoch).toBe(labelled.globalEpoch);
  const dump = JSON.parse(JSON.stringify(metaStoreToJson(store.state))) as unknown;
  const read = parseDump(dump);
  assert(read.ok);
  expect(read.value.proxies.get(proxyAt(3))?.replicaAddress).toBe('10.0.0.3:6002');
  expect(metaStoreToJson(read.value)).toEqual(dump);
});
