import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AUDIT_TEXT_LENGTH_MAX,
  auditPayloadSchema,
  parsePayload,
  type AuditEntry,
} from '@undermoon/broker-api';
import { silentLogger, type LogFields } from '@undermoon/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBroker } from '../src/index.ts';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';
import { DEMO, EXPANDING_DUMP } from './store-fixture.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'undermoon-broker-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function audit({ ask }: RunningBroker, query = ''): Promise<readonly AuditEntry[]> {
  const answer = await ask('GET', `/api/v3/audit${query}`);
  expect(answer.status).toBe(200);
  const payload = parsePayload(auditPayloadSchema, answer.json);
  if (!payload.ok) throw new Error(payload.message);
  return payload.value.entries;
}

describe('metrics', () => {
  async function metricsOf({ ask }: RunningBroker): Promise<Map<string, number>> {
    const { headers, text } = await ask('GET', '/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const space = line.lastIndexOf(' ');
        return [line.slice(0, space), Number(line.slice(space + 1))];
      }),
    );
  }

  test('LIM-13: tell what the store has and what was asked for', async () => {
    const running = await startBroker();
    const { ask, client } = running;
    await ask('PUT', '/api/v3/metadata', EXPANDING_DUMP);
    await ask('POST', '/api/v3/failures/10.0.1.1:6001/r1');
    await ask('GET', '/api/v3/proxies/meta/10.0.1.1:6001');
    await ask('GET', '/api/v3/nothing');
    await expect(client.deleteCluster('none' as never)).rejects.toThrow();
    const metrics = await metricsOf(running);
    const expected: Record<string, number> = {
      undermoon_broker_epoch: 8,
      undermoon_broker_clusters: 1,
      undermoon_broker_migrations: 2,
      undermoon_broker_failures: 1,
      undermoon_broker_queue_length: 0,
      undermoon_broker_watchers: 0,
      undermoon_broker_leads: 1,
      'undermoon_broker_proxies{state="member"}': 4,
      'undermoon_broker_proxies{state="free"}': 0,
      'undermoon_broker_proxies{state="failed"}': 0,
      'undermoon_broker_mutations_total{command="report-failure",outcome="ok"}': 1,
      'undermoon_broker_mutations_total{command="delete-cluster",outcome="CLUSTER_NOT_FOUND"}': 1,
      'undermoon_broker_save_duration_seconds_count{outcome="ok"}': 2,
      'undermoon_broker_http_request_duration_seconds_count{method="GET",route="/api/v3/proxies/meta/:address",code="200"}': 1,
      'undermoon_broker_http_request_duration_seconds_count{method="GET",route="none",code="405"}': 1,
    };
    const found = Object.fromEntries(
      Object.keys(expected).map((name) => [name, metrics.get(name)]),
    );
    expect(found).toEqual(expected);
    expect(metrics.get('undermoon_broker_connections')).toBeGreaterThan(0);
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_start_time_seconds',
      'nodejs_heap_used_bytes',
    ]) {
      expect(metrics.get(name), name).toBeGreaterThan(0);
    }
    expect(metrics.get('nodejs_eventloop_delay_p99_seconds')).toBeGreaterThanOrEqual(0);
  });

  test('are those of one broker, whatever else its process runs', async () => {
    const first = await startBroker();
    const second = await startBroker();
    await addProxies(first.client, 3);
    expect((await metricsOf(first)).get('undermoon_broker_epoch')).toBe(3);
    expect((await metricsOf(second)).get('undermoon_broker_epoch')).toBe(0);
  });

  test('count saves that fail', async () => {
    const running = await startBroker({
      storage: {
        load: () => Promise.resolve(null),
        save: () => Promise.reject(new Error('disk full')),
        close: () => Promise.resolve(),
      },
    });
    await expect(addProxies(running.client, 1)).rejects.toMatchObject({ status: 500 });
    const metrics = await metricsOf(running);
    expect(metrics.get('undermoon_broker_save_duration_seconds_count{outcome="failed"}')).toBe(1);
    expect((await audit(running))[0]).toMatchObject({
      command: 'add-proxy',
      outcome: 'PERSISTENCE_IO_ERROR',
      epochBefore: 0,
      epochAfter: 0,
    });
  });
});

describe('request ids', () => {
  test('are taken from the client, made where it has none that fits, and in the log', async () => {
    const lines: LogFields[] = [];
    const take = (fields: LogFields): void => void lines.push(fields);
    const { ask } = await startBroker({ logger: { ...silentLogger, debug: take, info: take } });
    const given = await ask('PUT', '/api/v3/epoch/7', undefined, { 'x-request-id': 'job-17/a' });
    expect(given.headers.get('x-request-id')).toBe('job-17/a');
    const made = await ask('GET', '/api/v3/epoch', undefined, { 'x-request-id': 'a b' });
    expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const long = await ask('GET', '/nowhere', undefined, { 'x-request-id': 'x'.repeat(129) });
    expect(long.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const logged = lines.filter((line) => 'requestId' in line);
    expect(logged).toMatchObject([
      { requestId: 'job-17/a', method: 'PUT', path: '/api/v3/epoch/7', code: 200 },
      { requestId: made.headers.get('x-request-id'), method: 'GET', code: 200 },
      { requestId: long.headers.get('x-request-id'), method: 'GET', code: 404 },
    ]);
  });
});

describe('the audit log', () => {
  const WHO = { 'x-request-id': 'r-1', 'user-agent': 'test/1' };

  test('says who asked for what, and what came of it', async () => {
    const running = await startBroker();
    const { ask, client } = running;
    await addProxies(client, 3);
    await ask('POST', '/api/v3/clusters/meta/demo', { node_number: 4 }, WHO);
    await ask('POST', '/api/v3/clusters/meta/demo', { node_number: 4 }, WHO);
    await ask('POST', '/api/v3/failures/10.0.0.1:6001/c1', undefined, WHO);
    await ask('POST', '/api/v3/proxies/failover/10.0.0.1:6001', undefined, WHO);
    // A request that is refused before it reaches the store is no mutation.
    await ask('POST', '/api/v3/clusters/meta/other', { node_number: 'x' }, WHO);
    const who = { requestId: 'r-1', userAgent: 'test/1', remoteAddress: '127.0.0.1' };
    const nothing = { cluster: null, proxy: null, reporter: null, detail: null };
    const time = 1_700_000_000_000;
    expect((await audit(running)).slice(0, 4)).toEqual([
      {
        ...who,
        ...nothing,
        id: 7,
        time,
        command: 'failover',
        proxy: '10.0.0.1:6001',
        outcome: 'ok',
        epochBefore: 5,
        epochAfter: 7,
      },
      {
        ...who,
        ...nothing,
        id: 6,
        time,
        command: 'report-failure',
        proxy: '10.0.0.1:6001',
        reporter: 'c1',
        outcome: 'ok',
        epochBefore: 4,
        epochAfter: 5,
      },
      {
        ...who,
        ...nothing,
        id: 5,
        time,
        command: 'create-cluster',
        cluster: 'demo',
        detail: 'node_number=4',
        outcome: 'ALREADY_EXISTED',
        epochBefore: 4,
        epochAfter: 4,
      },
      {
        ...who,
        ...nothing,
        id: 4,
        time,
        command: 'create-cluster',
        cluster: 'demo',
        detail: 'node_number=4',
        outcome: 'ok',
        epochBefore: 3,
        epochAfter: 4,
      },
    ]);
  });

  test('has changes of configuration, of clusters and of the broker itself', async () => {
    const running = await startBroker();
    const { ask, client } = running;
    await addProxies(client, 2);
    await client.createCluster(DEMO, 4);
    const changes = { migration_scan_count: '32', migration_scan_interval: '9' };
    await ask('PATCH', '/api/v3/clusters/config/demo', changes, WHO);
    await ask('PATCH', '/api/v3/clusters/config/demo', { migration_scan_count: 'many' }, WHO);
    const replicas = Array.from({ length: 64 }, (_, n) => `10.9.9.${n}:7799`);
    await ask('PUT', '/api/v3/config', { replica_addresses: replicas.slice(0, 2) }, WHO);
    await ask('PUT', '/api/v3/config', { replica_addresses: replicas }, WHO);
    await ask('PUT', '/api/v3/epoch/70', undefined, WHO);
    const entries = (await audit(running, '?limit=5')).toReversed();
    expect(entries).toMatchObject([
      {
        command: 'change-config',
        cluster: 'demo',
        detail: 'migration_scan_count=32 migration_scan_interval=9',
        outcome: 'ok',
        epochAfter: 4,
      },
      { command: 'change-config', detail: 'migration_scan_count=many', outcome: 'INVALID_CONFIG' },
      {
        command: 'set-config',
        detail: 'replica_addresses=10.9.9.0:7799,10.9.9.1:7799',
        outcome: 'ok',
        requestId: 'r-1',
        epochBefore: 4,
        epochAfter: 4,
      },
      { command: 'set-config', outcome: 'ok' },
      { command: 'set-epoch', detail: 'epoch=70', epochAfter: 70 },
    ]);
    // A long list is cut.
    expect(entries[3]?.detail?.length).toBe(AUDIT_TEXT_LENGTH_MAX);
  });

  test.each([
    ['?limit=2', [6, 5]],
    ['?limit=2&before=5', [4, 3]],
    ['?cluster=demo', [6, 5]],
    ['?proxy=10.0.0.2:6001', [2]],
    ['?command=create-cluster', [5]],
    ['?outcome=ALREADY_EXISTED', [4]],
    ['?since=1700000010000', [6, 5]],
    ['?cluster=nobody', []],
  ])('is queried by %s', async (query, ids) => {
    const running = await startBroker({ auditEntriesMax: 5 });
    const { client, clock } = running;
    await addProxies(client, 3);
    await expect(addProxies(client, 1)).rejects.toMatchObject({ code: 'ALREADY_EXISTED' });
    clock.pass(10);
    await client.createCluster(DEMO, 4);
    await client.deleteCluster(DEMO);
    expect((await audit(running, query)).map(({ id }) => id)).toEqual(ids);
    // The first entry is past the limit of what is kept.
    expect((await audit(running)).map(({ id }) => id)).toEqual([6, 5, 4, 3, 2]);
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', 'since=-1', 'cluster=a b', 'proxy=x'])(
    'refuses %s',
    async (query) => {
      const { ask } = await startBroker();
      const answer = await ask('GET', `/api/v3/audit?${query}`);
      expect([answer.status, answer.json]).toMatchObject([
        400,
        { error: 'INVALID_QUERY', field: query.slice(0, query.indexOf('=')) },
      ]);
    },
  );

  test('goes on from its file, and passes over a line that a crash cut', async () => {
    const auditFile = join(directory, 'deep', 'audit.log');
    const first = await startBroker({ auditFile });
    await addProxies(first.client, 2);
    await first.broker.close();
    const lines = (await readFile(auditFile, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { id: 1, command: 'add-proxy', proxy: '10.0.0.1:6001', outcome: 'ok', epoch_after: 1 },
      { id: 2, command: 'add-proxy', proxy: '10.0.0.2:6001', outcome: 'ok', epoch_after: 2 },
    ]);
    await writeFile(auditFile, '{"id":3,"ti', { flag: 'a' });
    const second = await startBroker({ auditFile });
    await addProxies(second.client, 3);
    expect((await audit(second)).map(({ id }) => id)).toEqual([5, 4, 3, 2, 1]);
    await second.broker.close();
    const third = await startBroker({ auditFile, auditEntriesMax: 4 });
    expect((await audit(third)).map(({ id }) => id)).toEqual([5, 4, 3, 2]);
  });

  test('puts a large file aside and keeps a few', async () => {
    const auditFile = join(directory, 'audit.log');
    const options = { auditFile, auditFileBytesMax: 1000, auditFilesMax: 3 };
    const first = await startBroker(options);
    for (let n = 0; n < 20; n++) await first.client.setEpoch((100 + n) as never);
    await first.broker.close();
    const names = (await readdir(directory)).toSorted();
    expect(names).toEqual(['audit.log', 'audit.log.1', 'audit.log.2']);
    for (const name of names) {
      expect((await readFile(join(directory, name))).length).toBeLessThanOrEqual(1000);
    }
    // What is kept is read back over all files.
    const second = await startBroker(options);
    const ids = (await audit(second)).map(({ id }) => id);
    expect(ids[0]).toBe(20);
    expect(ids.length).toBeGreaterThan(5);
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  });

  test('does not let a broker start whose file cannot be opened', async () => {
    await writeFile(join(directory, 'taken'), '');
    const auditFile = join(directory, 'taken', 'audit.log');
    const broker = createBroker({ address: '127.0.0.1:0', auditFile });
    await expect(broker.listen()).rejects.toMatchObject({ code: 'AUDIT_UNREADABLE' });
  });
});
