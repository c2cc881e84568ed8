import { once } from 'node:events';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';
import { EXPANDING_DUMP } from './store-fixture.ts';

const PROXY_BODY = {
  proxy_address: '10.0.0.1:6001',
  nodes: ['10.0.0.1:7001', '10.0.0.1:7002'],
  host: 'a',
  index: null,
};
const TASK = {
  cluster_name: 'demo',
  slot_range: {
    range_list: [[4096, 8191]],
    tag: {
      Migrating: {
        epoch: 7,
        src_proxy_address: '10.0.1.1:6001',
        src_node_address: '10.0.1.1:7001',
        dst_proxy_address: '10.0.1.3:6001',
        dst_node_address: '10.0.1.3:7001',
      },
    },
  },
};

/** A broker with proxies 1 to 3 and the cluster `demo` on the first two. */
async function startWithCluster(): Promise<RunningBroker> {
  const running = await startBroker();
  await addProxies(running.client, 3);
  expect((await running.ask('POST', '/api/v3/clusters/meta/demo', { node_number: 4 })).status).toBe(
    200,
  );
  return running;
}

describe('answers', () => {
  test.each([
    ['/healthz', { status: 'ok' }],
    ['/readyz', { status: 'ready' }],
    ['/api/v3/epoch', 4],
    ['/api/v3/clusters/names', { names: ['demo'] }],
    [
      '/api/v3/proxies/addresses',
      { addresses: ['10.0.0.1:6001', '10.0.0.2:6001', '10.0.0.3:6001'] },
    ],
    ['/api/v3/proxies/failed/addresses', { addresses: [] }],
    ['/api/v3/failures', { addresses: [] }],
    ['/api/v3/config', { replica_addresses: [] }],
    ['/api/v3/clusters/meta/nope', { cluster: null }],
    ['/api/v3/clusters/meta/a.b', { cluster: null }],
    ['/api/v3/proxies/meta/9.9.9.9:1', { proxy: null }],
    ['/api/v3/proxies/meta/nonsense', { proxy: null }],
    [
      '/api/v3/clusters/info/demo',
      { name: 'demo', node_number: 4, node_number_with_slots: 4, is_migrating: false },
    ],
  ])('GET %s', async (path, expected) => {
    const { ask } = await startWithCluster();
    for (const tolerated of [path, `${path}/`]) {
      const answer = await ask('GET', tolerated);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(answer.json).toEqual(expected);
    }
  });

  test('the version is plain text, the epoch a bare number', async () => {
    const { ask } = await startBroker();
    const version = await ask('GET', '/api/v3/version');
    expect(version.text).toBe('0.6.2');
    expect(version.headers.get('content-type')).toMatch(/^text\/plain/);
    expect((await ask('GET', '/api/v3/epoch')).text).toBe('0');
  });

  test('mutations answer an empty 200', async () => {
    const { ask } = await startBroker();
    for (const [method, path, body] of [
      ['POST', '/api/v3/proxies/meta', PROXY_BODY],
      ['POST', '/api/v3/failures/10.0.0.1:6001/r1', undefined],
      ['PUT', '/api/v3/config', { replica_addresses: [] }],
      ['PUT', '/api/v3/epoch/100', undefined],
      ['DELETE', '/api/v3/proxies/meta/10.0.0.1:6001', undefined],
      ['PUT', '/api/v3/metadata', { ...EXPANDING_DUMP, global_epoch: 1000 }],
      ['PUT', '/api/v3/clusters/migrations', TASK],
      [
        'PUT',
        '/api/v3/clusters/migrations',
        { ...TASK, slot_range: { ...TASK.slot_range, range_list: [[12288, 16383]] } },
      ],
      ['PATCH', '/api/v3/clusters/config/demo', { migration_scan_count: '32' }],
      ['PUT', '/api/v3/clusters/balance/demo', undefined],
      ['DELETE', '/api/v3/clusters/meta/demo', undefined],
    ] as const) {
      const answer = await ask(method, path, body);
      expect([path, answer.status, answer.text]).toEqual([path, 200, '']);
      expect(answer.headers.get('content-type')).toBeNull();
    }
  });

  test.each(['/api/v3', '/api/v2'])(
    'BUG-8: POST %s/proxies/failover answers the replacement',
    async (base) => {
      const { ask } = await startWithCluster();
      const answer = await ask('POST', `${base}/proxies/failover/10.0.0.1:6001`);
      expect(answer.status).toBe(200);
      expect(answer.json).toMatchObject({
        proxy: { address: '10.0.0.3:6001', cluster_name: 'demo', epoch: 6 },
      });
      expect((await ask('POST', `${base}/proxies/failover/10.0.0.1:6001`)).json).toEqual({
        proxy: null,
      });
      const refused = await ask('POST', `${base}/proxies/failover/10.0.0.2:6001`);
      expect([refused.status, refused.json]).toMatchObject([
        409,
        { error: 'NO_AVAILABLE_RESOURCE' },
      ]);
      expect(refused.text).toContain('10.0.0.3:6001');
    },
  );

  test('the whole state comes back as it was put in', async () => {
    const { ask } = await startBroker();
    expect((await ask('PUT', '/api/v3/metadata', EXPANDING_DUMP)).status).toBe(200);
    expect((await ask('GET', '/api/v3/metadata')).json).toEqual(EXPANDING_DUMP);
    expect((await ask('PUT', '/api/v3/metadata', EXPANDING_DUMP)).status).toBe(200);
    const older = await ask('PUT', '/api/v3/metadata', {
      ...EXPANDING_DUMP,
      clusters: {},
      all_proxies: {},
      global_epoch: 6,
    });
    expect([older.status, older.json]).toMatchObject([
      409,
      { error: 'EPOCH_SMALLER_THAN_CURRENT' },
    ]);
    const foreign = await ask('PUT', '/api/v3/metadata', {
      ...EXPANDING_DUMP,
      version: 'mem-broker-0.3',
    });
    expect([foreign.status, foreign.json]).toMatchObject([409, { error: 'INVALID_META_VERSION' }]);
  });

  test('failure reports run out, and their proxy can be used again', async () => {
    const { ask, clock, client } = await startWithCluster();
    await ask('POST', '/api/v3/failures/10.0.0.3:6001/r1');
    expect((await ask('GET', '/api/v3/failures')).json).toEqual({ addresses: ['10.0.0.3:6001'] });
    expect((await ask('POST', '/api/v3/proxies/failover/10.0.0.1:6001')).status).toBe(409);
    clock.pass(60);
    expect((await ask('GET', '/api/v3/failures')).json).toEqual({ addresses: [] });
    // The replacement that was waited for was made by that call already.
    expect((await client.cluster('demo' as never))?.nodes[0]?.proxyAddress).toBe('10.0.0.3:6001');
  });
});

describe('balancing', () => {
  test('LIM-10: asks proxies whether the replicas are in step, unless it is forced', async () => {
    const asked: unknown[] = [];
    let state: 'in-step' | 'behind' = 'behind';
    const { ask, client } = await startBroker({
      fetchReplica: (node) => {
        asked.push(node);
        return Promise.resolve(state);
      },
    });
    await addProxies(client, 3);
    await client.createCluster('demo' as never, 4);
    await client.failover('10.0.0.1:6001' as never);
    const path = '/api/v3/clusters/balance/demo';
    const refused = await ask('PUT', path);
    expect([refused.status, refused.json]).toMatchObject([500, { error: 'PROXY_NOT_SYNC' }]);
    expect(asked).toEqual([{ proxyAddress: '10.0.0.3:6001', nodeAddress: '10.0.0.3:7001' }]);
    const wrong = await ask('PUT', `${path}?force=maybe`);
    expect([wrong.status, wrong.json]).toMatchObject([400, { error: 'INVALID_QUERY' }]);
    const epoch = await client.epoch();
    state = 'in-step';
    expect((await ask('PUT', path)).status).toBe(200);
    expect(await client.epoch()).toBe(epoch + 1);
    await client.failover('10.0.0.2:6001' as never).catch(() => undefined);
    state = 'behind';
    asked.length = 0;
    expect((await ask('PUT', `${path}?force=true`)).status).toBe(200);
    expect(asked).toEqual([]);
  });
});

describe('compression', () => {
  const EMPTY_DOCUMENTS = ['/api/v3/clusters/meta/none', '/api/v3/proxies/meta/9.9.9.9:1'];

  test.each([
    '/api/v3/metadata',
    '/api/v3/clusters/meta/demo',
    '/api/v3/proxies/meta/10.0.1.1:6001',
    ...EMPTY_DOCUMENTS,
  ])('%s comes compressed unless the client rules it out', async (path) => {
    const { ask, broker } = await startBroker();
    await ask('PUT', '/api/v3/metadata', EXPANDING_DUMP);
    const plain = await ask('GET', path, undefined, { 'accept-encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    for (const accepted of ['gzip', 'br, gzip;q=0.5', '*', 'GZIP']) {
      const raw = await rawAnswer(broker.address, path, `Accept-Encoding: ${accepted}\r\n`);
      expect(raw.head).toMatch(/content-encoding: gzip/i);
      expect(gunzipSync(raw.body).toString()).toBe(plain.text);
    }
    for (const refused of ['gzip;q=0', 'br', '']) {
      const raw = await rawAnswer(broker.address, path, `Accept-Encoding: ${refused}\r\n`);
      expect(raw.head).not.toMatch(/content-encoding/i);
      expect(raw.body.toString()).toBe(plain.text);
    }
    const silent = await rawAnswer(broker.address, path, 'User-Agent: x/1\r\n');
    expect(gunzipSync(silent.body).toString()).toBe(plain.text);
    for (const agent of ['curl/8.5.0', 'Wget/1.21']) {
      const shown = await rawAnswer(broker.address, path, `User-Agent: ${agent}\r\n`);
      expect(shown.body.toString()).toBe(plain.text);
    }
  });

  // The headers in the order and case in which the HTTP libraries of the original's programs send them.
  test.each([
    ['coordinator', 'accept: */*\r\naccept-encoding: gzip\r\nhost: broker:7799\r\n'],
    [
      'operator',
      'Host: broker:7799\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n',
    ],
  ])('is what the %s of the original gets', async (_, headers) => {
    const { ask, broker } = await startBroker();
    await ask('PUT', '/api/v3/metadata', EXPANDING_DUMP);
    const ask11 = (path: string) =>
      exchange(broker.address, `GET ${path} HTTP/1.1\r\n${headers}connection: close\r\n\r\n`);
    const compressed = ['metadata', 'clusters/meta/demo', 'proxies/meta/10.0.1.1:6001'];
    for (const path of compressed) {
      const answer = partsOf(await ask11(`/api/v3/${path}`));
      expect(answer.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(headersOf(answer.head)).toMatchObject({
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'content-length': String(answer.body.length),
      });
      expect(JSON.parse(gunzipSync(answer.body).toString())).toBeTypeOf('object');
    }
    for (const path of ['epoch', 'config', 'clusters/names', 'clusters/info/demo', 'failures']) {
      const answer = partsOf(await ask11(`/api/v3/${path}`));
      expect(headersOf(answer.head)).not.toHaveProperty('content-encoding');
      expect(JSON.parse(answer.body.toString())).toBeDefined();
    }
    expect(partsOf(await ask11('/api/v3/epoch')).body.toString()).toBe('7');
  });

  async function rawAnswer(
    at: string,
    path: string,
    headers: string,
  ): Promise<{ head: string; body: Buffer }> {
    return partsOf(await exchange(at, `GET ${path} HTTP/1.0\r\nHost: x\r\n${headers}\r\n`));
  }

  function partsOf(bytes: Buffer): { head: string; body: Buffer } {
    const end = bytes.indexOf('\r\n\r\n');
    return { head: bytes.subarray(0, end).toString(), body: bytes.subarray(end + 4) };
  }

  function headersOf(head: string): Record<string, string> {
    const lines = head.split('\r\n').slice(1);
    return Object.fromEntries(
      lines.map((line) => line.toLowerCase().split(': ') as [string, string]),
    );
  }
});

/** Sends bytes and gathers what comes back until the connection ends. */
async function exchange(at: string, text: string): Promise<Buffer> {
  const [host, port] = at.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

describe('tags of documents', () => {
  test.each([
    '/api/v3/metadata',
    '/api/v3/clusters/meta/demo',
    '/api/v3/proxies/meta/10.0.1.1:6001',
    '/api/v3/proxies/meta/9.9.9.9:1',
  ])('%s is not sent again to who has it', async (path) => {
    const { ask, client } = await startBroker();
    await ask('PUT', '/api/v3/metadata', EXPANDING_DUMP);
    const first = await ask('GET', path);
    const tag = first.headers.get('etag') ?? '';
    expect(tag).toMatch(/^W\/"[\w-]{27}"$/);
    for (const known of [tag, tag.slice(2), `"x", ${tag}`, '*']) {
      const again = await ask('GET', path, undefined, { 'if-none-match': known });
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', tag]);
    }
    expect((await ask('GET', path, undefined, { 'if-none-match': '"x"' })).text).toBe(first.text);
    await client.setEpoch(50 as never);
    const later = await ask('GET', path, undefined, { 'if-none-match': tag });
    expect(later.status).toBe(path.includes('9.9.9.9') || path.includes('null') ? 304 : 200);
  });
});

describe('paging', () => {
  test.each([
    ['', ['1', '2', '3', '4', '5']],
    ['?offset=0&limit=2', ['1', '2']],
    ['?offset=4&limit=2', ['5']],
    ['?offset=5', []],
    ['?limit=0', []],
    ['?offset=1&unknown=x', ['2', '3', '4', '5']],
  ])('%s', async (query, expected) => {
    const { ask, client } = await startBroker();
    await addProxies(client, 5);
    const { json } = await ask('GET', `/api/v3/proxies/addresses${query}`);
    expect(json).toEqual({ addresses: expected.map((n) => `10.0.0.${n}:6001`) });
  });

  test.each([
    'offset=-1',
    'limit=x',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'offset=99999999999999999999',
  ])('refuses %s', async (query) => {
    const { ask } = await startBroker();
    for (const path of ['proxies/addresses', 'clusters/names']) {
      const answer = await ask('GET', `/api/v3/${path}?${query}`);
      expect([answer.status, answer.json]).toMatchObject([
        400,
        { error: 'INVALID_QUERY', field: query.slice(0, query.indexOf('=')) },
      ]);
    }
  });

  test('LIM-4: names are sorted, also past one page of a client', async () => {
    const { client } = await startBroker();
    await addProxies(client, 120);
    const addresses = await client.proxyAddresses();
    expect(addresses.length).toBe(120);
    expect(addresses).toEqual(addresses.toSorted());
  });
});

describe('refusals of the store', () => {
  test.each([
    ['POST', '/api/v3/clusters/meta/a.b', { node_number: 4 }, 400, 'INVALID_CLUSTER_NAME'],
    [
      'POST',
      `/api/v3/clusters/meta/${'x'.repeat(32)}`,
      { node_number: 4 },
      400,
      'INVALID_CLUSTER_NAME',
    ],
    ['POST', '/api/v3/clusters/meta/demo', { node_number: 4 }, 409, 'ALREADY_EXISTED'],
    ['POST', '/api/v3/clusters/meta/x', { node_number: 5 }, 400, 'INVALID_NODE_NUMBER'],
    ['POST', '/api/v3/clusters/meta/x', { node_number: 4 }, 409, 'NO_AVAILABLE_RESOURCE'],
    ['DELETE', '/api/v3/clusters/meta/x', undefined, 404, 'CLUSTER_NOT_FOUND'],
    ['DELETE', '/api/v3/clusters/meta/a.b', undefined, 400, 'INVALID_CLUSTER_NAME'],
    ['GET', '/api/v3/clusters/info/x', undefined, 404, 'CLUSTER_NOT_FOUND'],
    ['GET', '/api/v3/clusters/info/a.b', undefined, 404, 'CLUSTER_NOT_FOUND'],
    ['PATCH', '/api/v3/clusters/config/x', {}, 404, 'CLUSTER_NOT_FOUND'],
    ['PUT', '/api/v3/clusters/balance/x', undefined, 404, 'CLUSTER_NOT_FOUND'],
    ['PUT', '/api/v3/clusters/migrations', TASK, 404, 'MIGRATION_TASK_NOT_FOUND'],
    ['POST', '/api/v3/proxies/meta', PROXY_BODY, 409, 'ALREADY_EXISTED'],
    [
      'POST',
      '/api/v3/proxies/meta',
      { ...PROXY_BODY, proxy_address: 'a' },
      400,
      'INVALID_PROXY_ADDRESS',
    ],
    ['DELETE', '/api/v3/proxies/meta/10.0.0.1:6001', undefined, 409, 'IN_USE'],
    ['DELETE', '/api/v3/proxies/meta/9.9.9.9:1', undefined, 404, 'PROXY_NOT_FOUND'],
    ['DELETE', '/api/v3/proxies/meta/nonsense', undefined, 404, 'PROXY_NOT_FOUND'],
    ['POST', '/api/v3/failures/9.9.9.9:1/r', undefined, 404, 'PROXY_NOT_FOUND'],
    ['POST', '/api/v3/failures/nonsense/r', undefined, 404, 'PROXY_NOT_FOUND'],
    [
      'POST',
      `/api/v3/failures/10.0.0.1:6001/${'r'.repeat(256)}`,
      undefined,
      400,
      'INVALID_REQUEST',
    ],
    ['POST', '/api/v3/proxies/failover/9.9.9.9:1', undefined, 404, 'PROXY_NOT_FOUND'],
    ['PUT', '/api/v3/epoch/4', undefined, 409, 'EPOCH_SMALLER_THAN_CURRENT'],
    ['PUT', '/api/v3/epoch/9007199254740993', undefined, 400, 'INVALID_REQUEST'],
    ['PUT', '/api/v3/epoch/many', undefined, 400, 'INVALID_REQUEST'],
  ] as const)('%s %s %j: %i %s', async (method, path, body, status, code) => {
    const { ask, broker } = await startWithCluster();
    const before = broker.state();
    const answer = await ask(method, path, body);
    expect([answer.status, answer.json]).toMatchObject([status, { error: code }]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(broker.state()).toBe(before);
  });

  test('a refused configuration names its field and value', async () => {
    const { ask } = await startWithCluster();
    const answer = await ask('PATCH', '/api/v3/clusters/config/demo', {
      migration_scan_count: '0',
    });
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({
      error: 'INVALID_CONFIG',
      key: 'migration_scan_count',
      value: '0',
      message: 'INVALID_VALUE',
    });
  });
});

describe('malformed bodies', () => {
  const METADATA = '/api/v3/metadata';
  const PROXIES = '/api/v3/proxies/meta';
  const MIGRATIONS = '/api/v3/clusters/migrations';

  test.each([
    ['POST', PROXIES, [], ''],
    ['POST', PROXIES, 'text', ''],
    ['POST', PROXIES, null, ''],
    ['POST', PROXIES, { ...PROXY_BODY, proxy_address: undefined }, 'proxy_address'],
    ['POST', PROXIES, { ...PROXY_BODY, proxy_address: 5 }, 'proxy_address'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: undefined }, 'nodes'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: {} }, 'nodes'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: ['a:1'] }, 'nodes'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: ['a:1', 'b:2', 'c:3'] }, 'nodes'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: ['a', 'b:2'] }, 'nodes[0]'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: ['a:1', 2] }, 'nodes[1]'],
    ['POST', PROXIES, { ...PROXY_BODY, nodes: ['a:1', 'a:1'] }, 'nodes[1]'],
    ['POST', PROXIES, { ...PROXY_BODY, host: 1 }, 'host'],
    ['POST', PROXIES, { ...PROXY_BODY, host: '' }, 'host'],
    ['POST', PROXIES, { ...PROXY_BODY, index: -1 }, 'index'],
    ['POST', PROXIES, { ...PROXY_BODY, index: '1' }, 'index'],
    ['POST', '/api/v3/clusters/meta/x', {}, 'node_number'],
    ['POST', '/api/v3/clusters/meta/x', { node_number: '4' }, 'node_number'],
    ['POST', '/api/v3/clusters/meta/x', { node_number: 4.5 }, 'node_number'],
    ['POST', '/api/v3/clusters/meta/x', { node_number: 1e300 }, 'node_number'],
    ['PATCH', '/api/v3/clusters/config/demo', { migration_scan_count: 3 }, 'migration_scan_count'],
    ['PATCH', '/api/v3/clusters/config/demo', [], ''],
    ['PUT', '/api/v3/config', {}, 'replica_addresses'],
    ['PUT', '/api/v3/config', { replica_addresses: ['a:1', 'b'] }, 'replica_addresses[1]'],
    ['PUT', MIGRATIONS, { ...TASK, cluster_name: 'a b' }, 'cluster_name'],
    ['PUT', MIGRATIONS, { ...TASK, slot_range: undefined }, 'slot_range'],
    ['PUT', METADATA, { ...EXPANDING_DUMP, clusters: { demo: {} } }, 'clusters.demo.epoch'],
    ['PUT', METADATA, { ...EXPANDING_DUMP, failures: [] }, 'failures'],
  ] as const)('%s %s %j', async (method, path, body, field) => {
    const { ask, broker } = await startWithCluster();
    const before = broker.state();
    const answer = await ask(method, path, JSON.stringify(body));
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ error: 'INVALID_BODY', field });
    expect((answer.json as { message: string }).message.startsWith(field || 'body')).toBe(true);
    expect(broker.state()).toBe(before);
  });

  test('a commit without a tag is told as that', async () => {
    const { ask } = await startWithCluster();
    const body = { ...TASK, slot_range: { range_list: [[0, 1]], tag: 'None' } };
    const answer = await ask('PUT', MIGRATIONS, body);
    expect([answer.status, answer.json]).toMatchObject([
      400,
      { error: 'INVALID_MIGRATION_TASK', field: 'slot_range.tag' },
    ]);
  });

  test.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]).toString('latin1')],
  ])('%s', async (what, text) => {
    const { broker } = await startBroker();
    const body = Buffer.from(text, what.includes('UTF-8') ? 'latin1' : 'utf8');
    const response = await fetch(`http://${broker.address}${PROXIES}`, { method: 'POST', body });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: 'INVALID_BODY' },
    ]);
  });

  test('a body past the limit', async () => {
    const { ask, broker } = await startBroker({ bodyBytesMax: 1000, dumpBytesMax: 3000 });
    const before = broker.state();
    const filled = { ...PROXY_BODY, host: 'x'.repeat(1000) };
    for (const [method, path, body] of [
      ['POST', PROXIES, filled],
      ['PUT', METADATA, { ...EXPANDING_DUMP, padding: 'x'.repeat(3000) }],
      ['POST', '/api/v3/failures/10.0.0.1:6001/r', filled],
    ] as const) {
      const answer = await ask(method, path, body);
      expect([answer.status, answer.json]).toMatchObject([413, { error: 'BODY_TOO_LARGE' }]);
    }
    expect(broker.state()).toBe(before);
  });

  test('members that nobody knows are ignored', async () => {
    const { ask } = await startBroker();
    expect((await ask('POST', PROXIES, { ...PROXY_BODY, more: 1, __proto__: 2 })).status).toBe(200);
  });
});

describe('content types', () => {
  test.each([
    [undefined, 200],
    ['application/json', 200],
    ['application/json; charset=utf-8', 200],
    ['Application/JSON', 200],
    ['text/plain', 415],
    ['application/jsonx', 415],
    ['application/x-www-form-urlencoded', 415],
    ['nonsense', 415],
  ])('%s: %i', async (type, status) => {
    const { ask } = await startBroker();
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const answer = await ask('POST', '/api/v3/proxies/meta', PROXY_BODY, headers);
    expect(answer.status).toBe(status);
    if (status === 415) expect(answer.json).toMatchObject({ error: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  test('do not matter where no body is read', async () => {
    const { ask } = await startWithCluster();
    const answer = await ask('POST', '/api/v3/failures/10.0.0.1:6001/r', 'x', {
      'content-type': 'text/plain',
    });
    expect(answer.status).toBe(200);
  });
});

describe('paths', () => {
  test.each([
    ['GET', '/', 404, 'ROUTE_NOT_FOUND'],
    ['GET', '/api/v2/epoch', 404, 'ROUTE_NOT_FOUND'],
    ['GET', '/api/v3x/epoch', 404, 'ROUTE_NOT_FOUND'],
    ['GET', '/api/v3', 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/api/v3/nope', 405, 'METHOD_NOT_ALLOWED'],
    ['PATCH', '/api/v3/clusters/nope/demo', 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/api/v3/failures/10.0.0.1:6001/', 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/api/v3/epochs', 405, 'METHOD_NOT_ALLOWED'],
    ['PUT', '/api/v3/config/more', 405, 'METHOD_NOT_ALLOWED'],
    ['PUT', '/api/v3/metadata/more', 405, 'METHOD_NOT_ALLOWED'],
    ['DELETE', '/api/v3/epoch', 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/api/v2/proxies/failover/10.0.0.1:6001', 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/api/v3/proxies/meta/%zz', 400, 'INVALID_REQUEST'],
    ['GET', `/api/v3/proxies/meta/${'x'.repeat(600)}`, 400, 'INVALID_REQUEST'],
  ])('%s %s: %i', async (method, path, status, code) => {
    const { ask } = await startBroker();
    const answer = await ask(method, path);
    expect([answer.status, answer.json]).toMatchObject([status, { error: code }]);
  });

  test.each(['version', 'metadata', 'failures', 'config', 'epoch'])(
    'what follows GET %s is ignored',
    async (name) => {
      const { ask } = await startWithCluster();
      const exact = await ask('GET', `/api/v3/${name}`);
      for (const more of ['/5', '/a/b/', '/x?y=1']) {
        const answer = await ask('GET', `/api/v3/${name}${more}`);
        expect([answer.status, answer.text]).toEqual([200, exact.text]);
      }
    },
  );

  test('a wrong method is told the right ones', async () => {
    const { ask } = await startBroker();
    expect((await ask('PATCH', '/api/v3/metadata')).headers.get('allow')).toBe('GET, PUT');
  });
});

describe('what is not HTTP', () => {
  test('is answered and cut', async () => {
    const { broker, ask } = await startBroker();
    const answer = (await exchange(broker.address, '*1\r\n$4\r\nPING\r\n')).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('"error":"INVALID_REQUEST"');
    expect((await ask('GET', '/healthz')).status).toBe(200);
  });

  test('a request that does not arrive is cut', async () => {
    const { broker } = await startBroker({ requestTimeoutMs: 100 });
    const answer = await exchange(
      broker.address,
      'POST /api/v3/proxies/meta HTTP/1.1\r\nHost: x\r\n',
    );
    expect(answer.toString()).not.toMatch(/ 200 /);
  });
});

describe('mutations at once', () => {
  test('are all kept, each with an epoch of its own', async () => {
    const { client, broker } = await startBroker();
    await addProxies(client, 40);
    const names = Array.from({ length: 10 }, (_, i) => `c${i}`);
    const results = await Promise.allSettled(
      [...names, ...names].map((name) => client.createCluster(name as never, 4)),
    );
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.length).toBe(10);
    for (const { reason } of failed) expect(reason).toMatchObject({ code: 'ALREADY_EXISTED' });
    expect(broker.state().globalEpoch).toBe(50);
    const epochs = [...broker.state().clusters.values()].map((cluster) => cluster.epoch);
    expect(new Set(epochs).size).toBe(10);
  });

  test('a read after the answer has the change', async () => {
    const { client } = await startBroker();
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const proxyAddress = `10.1.0.${i}:6001`;
        await client.addProxy({ proxyAddress, nodes: ['a:1', 'a:2'] as never });
        expect(await client.proxyAddresses()).toContain(proxyAddress);
      }),
    );
  });
});

describe('epoch recovery', () => {
  test('goes above every proxy and names the silent ones', async () => {
    const epochs = new Map<string, number>([
      ['10.0.0.1:6001', 500],
      ['10.0.0.2:6001', 3],
    ]);
    const { client } = await startBroker({
      fetchEpoch: (at) => Promise.resolve((epochs.get(at) ?? null) as never),
    });
    await addProxies(client, 3);
    await client.createCluster('demo' as never, 4);
    expect(await client.recoverEpochs()).toEqual({ failedAddresses: ['10.0.0.3:6001'] });
    expect(await client.epoch()).toBe(502);
    expect((await client.cluster('demo' as never))?.epoch).toBe(502);
    await client.recoverEpochs();
    expect(await client.epoch()).toBe(503);
  });
});
