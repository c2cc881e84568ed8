import { expect, test } from 'vitest';
import { startBroker, type RunningBroker } from './http-fixture.ts';
import { address, DEMO, proxyAt } from './store-fixture.ts';

async function register(
  { ask }: RunningBroker,
  n: number,
  replicaAddress?: string | null,
): Promise<unknown> {
  const { status, json } = await ask('POST', '/api/v3/proxies/meta', {
    proxy_address: `10.0.0.${n}:6001`,
    nodes: [`10.0.0.${n}:7001`, `10.0.0.${n}:7002`],
    ...(replicaAddress === undefined ? {} : { replica_address: replicaAddress }),
  });
  return status === 200 ? null : json;
}

test('documents name replicas to whom they are told, and change with a registration', async () => {
  const running = await startBroker();
  const { ask, client } = running;
  expect(await register(running, 1, '10.0.0.1:6002')).toBeNull();
  expect(await register(running, 2, null)).toBeNull();
  await client.createCluster(DEMO, 4);
  const replicas = [{ master: '10.0.0.2:6001', address: '10.0.0.1:6002' }];
  const documentOf = async (path: string): Promise<object> =>
    Object.values((await ask('GET', `/api/v3/${path}`)).json as Record<string, object>)[0] ?? {};
  expect(await documentOf('clusters/meta/demo')).toMatchObject({
    replicas,
    replica_addresses: [{ proxy_address: '10.0.0.1:6001', replica_address: '10.0.0.1:6002' }],
  });
  expect(await documentOf('proxies/meta/10.0.0.1:6001')).toMatchObject({
    replica_address: '10.0.0.1:6002',
    replicas,
  });
  const other = await documentOf('proxies/meta/10.0.0.2:6001');
  expect(other).not.toHaveProperty('replicas');
  expect(other).not.toHaveProperty('replica_address');
  expect((await client.cluster(DEMO))?.replicas).toEqual(replicas);
  expect(await client.proxy(proxyAt(2))).toMatchObject({ replicaAddress: null, replicas: null });

  const before = await client.epoch();
  await expect(
    client.addProxy({
      proxyAddress: proxyAt(2),
      nodes: [address('10.0.0.2:7001'), address('10.0.0.2:7002')],
      replicaAddress: address('10.0.0.2:6002'),
    }),
  ).rejects.toMatchObject({ code: 'ALREADY_EXISTED' });
  expect(await client.epoch()).toBeGreaterThan(before);
  expect((await client.proxy(proxyAt(2)))?.replicas).toHaveLength(2);
  expect(await register(running, 1)).toMatchObject({ error: 'ALREADY_EXISTED' });
  expect(await client.proxy(proxyAt(1))).toMatchObject({ replicaAddress: null, replicas: null });
});

test.each([
  ['10.0.0.1', 'INVALID_BODY'],
  ['10.0.0.1:6001', 'INVALID_PROXY_ADDRESS'],
  ['10.0.0.2:7002', 'INVALID_PROXY_ADDRESS'],
])('the replica_address %s is refused with %s', async (replicaAddress, error) => {
  const running = await startBroker();
  expect(await register(running, 1)).toBeNull();
  expect(await register(running, 2, replicaAddress)).toMatchObject({
    error,
    field: 'replica_address',
  });
  expect(await running.client.proxy(proxyAt(2))).toBeNull();
});
