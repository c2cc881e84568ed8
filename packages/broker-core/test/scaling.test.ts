import { encodeMigrationTask, type Epoch } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import type { BrokerOptions } from '../src/options.ts';
import type { CancelAnswer } from '../src/shell/ask-to-cancel.ts';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';
import { clusterName, DEMO, epoch, proxyAt } from './store-fixture.ts';

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

/** Proxies that answer the epoch that the test says, or nothing. */
class Proxies {
  readonly #asked: (() => void)[] = [];
  answer: number | null = null;

  fetchEpoch = async (): Promise<Epoch | null> => {
    for (const resolve of this.#asked.splice(0)) resolve();
    return this.answer === null ? null : epoch(this.answer);
  };

  /** Resolves with the next question. */
  asked(): Promise<void> {
    return new Promise((resolve) => this.#asked.push(resolve));
  }
}

async function startWithProxies(
  options: BrokerOptions = {},
): Promise<RunningBroker & { proxies: Proxies }> {
  const proxies = new Proxies();
  const { fetchEpoch } = proxies;
  const running = await startBroker({ migrationLimit: 0, fetchEpoch, ...options });
  await addProxies(running.client, 8);
  await running.client.createCluster(DEMO, 4);
  return { ...running, proxies };
}

const AUTO = '/api/v3/clusters/migrations/auto/demo';

describe('auto', () => {
  test('LIM-14: adds nodes, waits for their proxies, and plans; other clusters are not held up', async () => {
    const running = await startWithProxies();
    const { ask, client, proxies } = running;
    const asked = proxies.asked();
    const scaling = ask('POST', `${AUTO}/12`);
    await asked;
    expect((await client.clusterInfo(DEMO)).nodeNumber).toBe(12);
    for (const [method, path, body] of [
      ['POST', `${AUTO}/8`, undefined],
      ['POST', '/api/v3/clusters/migrations/expand/demo', undefined],
      ['DELETE', '/api/v3/clusters/free_nodes/demo', undefined],
      ['PATCH', '/api/v3/clusters/nodes/demo', { node_number: 4 }],
    ] as const) {
      const answer = await ask(method, path, body);
      expect([answer.status, answer.json]).toMatchObject([409, { error: 'NODE_NUMBER_CHANGING' }]);
    }
    await client.createCluster(clusterName('other'), 4);
    await expect(client.expandCluster(clusterName('other'))).rejects.toMatchObject({
      code: 'SLOTS_ALREADY_EVEN',
    });
    proxies.answer = await client.epoch();
    const done = await scaling;
    expect([done.status, done.text]).toEqual([200, '']);
    expect((await client.clusterInfo(DEMO)).isMigrating).toBe(true);
    await commitAll(running);
    expect((await ask('POST', `${AUTO}/12`)).status).toBe(200);
    expect((await ask('POST', `${AUTO}/4`)).status).toBe(200);
    await commitAll(running);
    expect((await ask('POST', `${AUTO}/4`)).status).toBe(200);
    expect(await client.clusterInfo(DEMO)).toMatchObject({
      nodeNumber: 4,
      nodeNumberWithSlots: 4,
      isMigrating: false,
    });
  });

  test.each([
    { what: 'do not answer', answer: null },
    { what: 'lag behind', answer: 1 },
  ])(
    'LIM-6, BUG-10: gives up on proxies that $what, and goes on when it is repeated',
    async ({ answer }) => {
      const { ask, client, proxies } = await startWithProxies({ scaleSyncTimeoutMs: 0 });
      proxies.answer = answer;
      const refused = await ask('POST', `${AUTO}/8`);
      expect([refused.status, refused.json]).toMatchObject([500, { error: 'PROXY_NOT_SYNC' }]);
      // Nothing is hidden: the answer says that the nodes stay.
      expect(refused.text).toContain('the nodes were added');
      const joined = (await client.cluster(DEMO))?.nodes.map((node) => node.address);
      expect(joined?.length).toBe(8);
      proxies.answer = await client.epoch();
      expect((await ask('POST', `${AUTO}/8`)).status).toBe(200);
      const cluster = await client.cluster(DEMO);
      expect(cluster?.nodes.map((node) => node.address)).toEqual(joined);
      expect((await client.clusterInfo(DEMO)).isMigrating).toBe(true);
    },
  );

  test('does not wait for a proxy that was failed over', async () => {
    const { ask, client, broker } = await startWithProxies({
      fetchEpoch: async (at) => (at === proxyAt(1) ? null : epoch(1000)),
    });
    for (let n = 5; n <= 8; n++) await client.removeProxy(proxyAt(n));
    await client.addNodes(DEMO, 4);
    await expect(client.failover(proxyAt(1))).rejects.toMatchObject({
      code: 'NO_AVAILABLE_RESOURCE',
    });
    expect(broker.state().failedProxies.has(proxyAt(1))).toBe(true);
    expect((await ask('POST', `${AUTO}/8`)).status).toBe(200);
  });

  test('ends when the broker is closed', async () => {
    const { ask, broker, proxies } = await startWithProxies();
    const asked = proxies.asked();
    const scaling = ask('POST', `${AUTO}/8`);
    await asked;
    await broker.close();
    const answer = await scaling;
    expect([answer.status, answer.json]).toMatchObject([503, { error: 'SHUTTING_DOWN' }]);
  });

  test('can be previewed', async () => {
    const { client, broker } = await startWithProxies();
    const before = broker.state();
    const up = await client.previewChange({ kind: 'scaleCluster', name: DEMO, nodeNumber: 12 });
    expect([up.nodeNumber, up.addedProxies.length, up.tasks.length]).toEqual([12, 4, 5]);
    const same = await client.previewChange({ kind: 'scaleCluster', name: DEMO, nodeNumber: 4 });
    expect([same.nodeNumber, same.slotCount]).toEqual([4, 0]);
    await expect(
      client.previewChange({ kind: 'scaleCluster', name: DEMO, nodeNumber: 80 }),
    ).rejects.toMatchObject({ code: 'NO_AVAILABLE_RESOURCE' });
    expect(broker.state()).toBe(before);
  });

  test.each([
    [`${AUTO}/0`, 400, 'INVALID_NODE_NUMBER'],
    [`${AUTO}/6`, 400, 'INVALID_NODE_NUMBER'],
    [`${AUTO}/-4`, 400, 'INVALID_REQUEST'],
    [`${AUTO}/80`, 409, 'NO_AVAILABLE_RESOURCE'],
    ['/api/v3/clusters/migrations/auto/x/4', 404, 'CLUSTER_NOT_FOUND'],
    ['/api/v3/clusters/migrations/auto/a.b/4', 400, 'INVALID_CLUSTER_NAME'],
  ] as const)('POST %s: %i %s', async (path, status, code) => {
    const { ask, broker } = await startWithProxies();
    const before = broker.state();
    const answer = await ask('POST', path);
    expect([answer.status, answer.json]).toMatchObject([status, { error: code }]);
    expect(broker.state()).toBe(before);
  });
});

test('LIM-15: proxies and their servers may have IPv6 addresses', async () => {
  const { ask, client } = await startBroker();
  const body = { proxy_address: '[::1]:6001', nodes: ['[::1]:7001', '[::1]:7002'], host: null };
  expect((await ask('POST', '/api/v3/proxies/meta', body)).status).toBe(200);
  expect(await client.proxyAddresses()).toEqual(['[::1]:6001']);
});

test('POST /resources/failures/check', async () => {
  const { ask, client } = await startSmall();
  const answer = await ask('POST', '/api/v3/resources/failures/check');
  expect([answer.status, answer.json]).toEqual([200, { hosts_cannot_fail: [], clusters: [] }]);
  for (let n = 3; n <= 8; n++) await client.removeProxy(proxyAt(n));
  expect((await client.checkResources()).hostsCannotFail).toEqual(['host-1', 'host-2']);
});

test('migrations are listed, paused, resumed and cancelled', async () => {
  const { ask, client } = await startBroker();
  await addProxies(client, 8);
  await client.createCluster(DEMO, 4);
  await client.addNodes(DEMO, 8);
  await client.expandCluster(DEMO);
  const listed = await client.migrations(DEMO);
  expect(listed).toMatchObject({ clusterName: DEMO, isPaused: false });
  expect(listed.migrations.map(({ isRunning }) => isRunning)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  await client.pauseMigrations(DEMO);
  expect((await client.migrations(DEMO)).isPaused).toBe(true);
  await client.resumeMigrations(DEMO);
  expect((await client.migrations(DEMO)).isPaused).toBe(false);
  await client.cancelMigrations(DEMO);
  const [left, ...others] = (await client.migrations(DEMO)).migrations;
  expect([left?.isRunning, others]).toEqual([true, []]);
  await expect(client.cancelMigrations(DEMO)).rejects.toMatchObject({ code: 'MIGRATION_RUNNING' });
  for (const [method, path, status] of [
    ['GET', '/api/v3/clusters/migrations/x', 404],
    ['GET', '/api/v3/clusters/migrations/a.b', 404],
    ['POST', '/api/v3/clusters/migrations/pause/x', 404],
    ['POST', '/api/v3/clusters/migrations/cancel/a.b', 400],
  ] as const) {
    expect((await ask(method, path)).status).toBe(status);
  }
});

test('LIM-12: sources are asked before migrations that run are cancelled', async () => {
  const answers = new Map<string, CancelAnswer>();
  const asked: string[] = [];
  const { client, ask } = await startBroker({
    migrationLimit: 0,
    askToCancel: (task) => {
      const { ranges } = task.slots;
      asked.push(encodeMigrationTask(task));
      return Promise.resolve(answers.get(JSON.stringify(ranges)) ?? 'unknown');
    },
  });
  await addProxies(client, 8);
  await client.createCluster(DEMO, 4);
  await client.addNodes(DEMO, 4);
  await client.expandCluster(DEMO);
  const cancel = async () => ask('POST', '/api/v3/clusters/migrations/cancel/demo');
  const nobody = await cancel();
  expect([nobody.status, nobody.json]).toMatchObject([409, { error: 'MIGRATION_RUNNING' }]);
  expect(asked).toEqual([
    'demo MIGRATING 1 4096-8191 11 10.0.0.1:6001 10.0.0.1:7001 10.0.0.3:6001 10.0.0.3:7001',
    'demo MIGRATING 1 12288-16383 11 10.0.0.2:6001 10.0.0.2:7001 10.0.0.4:6001 10.0.0.4:7001',
  ]);
  answers.set('[[4096,8191]]', 'cancelled').set('[[12288,16383]]', 'committed');
  expect((await cancel()).status).toBe(200);
  const { migrations } = await client.migrations(DEMO);
  expect(migrations.map(({ task }) => task.slots.ranges)).toEqual([[[12288, 16383]]]);
  const committed = await cancel();
  expect([committed.status, committed.json]).toMatchObject([
    409,
    { error: 'MIGRATION_RUNNING', message: expect.stringContaining('handed over') as string },
  ]);
  await client.commitMigration(migrations[0]!.task);
  expect(await client.clusterInfo(DEMO)).toMatchObject({ isMigrating: false });
});
