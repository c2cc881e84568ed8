import { describe, expect, test } from 'vitest';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';
import { DEMO } from './store-fixture.ts';

/** A broker with 8 proxies and the cluster `demo` on two of them. */
async function startSmall(): Promise<RunningBroker> {
  const running = await startBroker({ migrationLimit: 0 });
  await addProxies(running.client, 8);
  await running.client.createCluster(DEMO, 4);
  return running;
}

async function commitAll({ client }: RunningBroker): Promise<void> {
  const cluster = await client.cluster(DEMO);
  for (const slots of cluster?.nodes.flatMap((node) => node.slots) ?? []) {
    if (slots.tag.kind === 'migrating') await client.commitMigration({ clusterName: DEMO, slots });
  }
}

describe('nodes and migrations', () => {
  test('up and down again', async () => {
    const running = await startSmall();
    const { ask, client } = running;
    const added = await ask('PATCH', '/api/v3/clusters/nodes/demo', { node_number: 4 });
    expect(added.status).toBe(200);
    expect(added.json).toMatchObject([
      { proxy_address: '10.0.0.3:6001', slots: [], repl: { role: 'master' } },
      { repl: { role: 'replica' } },
      { proxy_address: '10.0.0.4:6001', slots: [] },
      {},
    ]);
    const more = await ask('PUT', '/api/v3/clusters/nodes/demo', { cluster_node_number: 12 });
    expect([more.status, Array.isArray(more.json) && more.json.length]).toEqual([200, 4]);
    for (const [method, path] of [
      ['POST', '/api/v3/clusters/migrations/expand/demo'],
      ['POST', '/api/v3/clusters/migrations/shrink/demo/4'],
      ['DELETE', '/api/v3/clusters/free_nodes/demo'],
    ] as const) {
      const answer = await ask(method, path);
      expect([path, answer.status, answer.text]).toEqual([path, 200, '']);
      expect((await ask(method, path)).status).not.toBe(200);
      await commitAll(running);
    }
    expect(await client.clusterInfo(DEMO)).toEqual({
      name: 'demo',
      nodeNumber: 4,
      nodeNumberWithSlots: 4,
      isMigrating: false,
    });
  });

  test.each([
    ['PATCH', '/clusters/nodes/a.b', { node_number: 4 }, 400, 'INVALID_CLUSTER_NAME'],
    ['PATCH', '/clusters/nodes/x', { node_number: 4 }, 404, 'CLUSTER_NOT_FOUND'],
    ['PATCH', '/clusters/nodes/demo', { node_number: 3 }, 400, 'INVALID_NODE_NUMBER'],
    ['PATCH', '/clusters/nodes/demo', { node_number: 80 }, 409, 'NO_AVAILABLE_RESOURCE'],
    ['PATCH', '/clusters/nodes/demo', { cluster_node_number: 8 }, 400, 'INVALID_BODY'],
    ['PUT', '/clusters/nodes/demo', { cluster_node_number: 4 }, 409, 'NODE_NUM_ALREADY_ENOUGH'],
    ['PUT', '/clusters/nodes/demo', { node_number: 8 }, 400, 'INVALID_BODY'],
    ['DELETE', '/clusters/free_nodes/demo', undefined, 404, 'FREE_NODE_NOT_FOUND'],
    ['DELETE', '/clusters/free_nodes/a.b', undefined, 400, 'INVALID_CLUSTER_NAME'],
    ['POST', '/clusters/migrations/expand/demo', undefined, 400, 'SLOTS_ALREADY_EVEN'],
    ['POST', '/clusters/migrations/rebalance/demo', undefined, 400, 'SLOTS_ALREADY_EVEN'],
    ['POST', '/clusters/migrations/shrink/demo/4', undefined, 400, 'INVALID_NODE_NUMBER'],
    ['POST', '/clusters/migrations/shrink/demo/x', undefined, 400, 'INVALID_REQUEST'],
    ['POST', '/clusters/migrations/shrink/a.b/4', undefined, 400, 'INVALID_CLUSTER_NAME'],
    ['POST', '/clusters/migrations/expand/demo?dry_run=maybe', undefined, 400, 'INVALID_QUERY'],
  ] as const)('%s %s %j: %i %s', async (method, path, body, status, code) => {
    const { ask, broker } = await startSmall();
    const before = broker.state();
    const answer = await ask(method, `/api/v3${path}`, body);
    expect([answer.status, answer.json]).toMatchObject([status, { error: code }]);
    expect(broker.state()).toBe(before);
  });
});

describe('previews', () => {
  test('tell what would be done, and do nothing', async () => {
    const { client, broker } = await startSmall();
    const before = broker.state();
    const added = await client.previewChange({ kind: 'addNodes', name: DEMO, nodeNumber: 4 });
    expect(added).toEqual({
      clusterName: DEMO,
      nodeNumber: 8,
      addedProxies: ['10.0.0.3:6001', '10.0.0.4:6001'],
      removedProxies: [],
      slotCount: 0,
      tasks: [],
    });
    expect(broker.state()).toBe(before);
    await client.addNodes(DEMO, 4);
    const expanded = await client.previewChange({ kind: 'expandCluster', name: DEMO });
    expect([expanded.slotCount, expanded.tasks.length]).toEqual([8192, 2]);
    const removed = await client.previewChange({ kind: 'deleteFreeNodes', name: DEMO });
    expect(removed.removedProxies).toEqual(['10.0.0.3:6001', '10.0.0.4:6001']);
    await client.expandCluster(DEMO);
    const tasks = (await client.cluster(DEMO))?.nodes
      .flatMap((node) => node.slots)
      .filter((slots) => slots.tag.kind === 'migrating');
    expect(tasks).toEqual(expanded.tasks.map((task) => task.slots));
  });

  test('are refused as the change itself would be', async () => {
    const { client } = await startSmall();
    await expect(
      client.previewChange({ kind: 'shrinkCluster', name: DEMO, nodeNumber: 8 }),
    ).rejects.toMatchObject({ code: 'INVALID_NODE_NUMBER', status: 400 });
  });
});
