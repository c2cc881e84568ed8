import { type RespValue, textOf } from '@undermoon/resp';
import { RawClient, startRedis, type RedisServer } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askBroker, brokerEpoch, brokerMetadata } from '../src/broker-http.ts';
import { ask, askText, proxyEpoch } from '../src/node-facts.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { isAlive } from '../src/running-cluster.ts';
import { within } from '../src/until.ts';
import { useCluster } from './use-cluster.ts';

const running = useCluster(() => startProgramCluster({ port: 26300, proxyCount: 2 }));

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

function proxy(): string {
  return running().proxies[0]?.address ?? '';
}

/** All that comes back until the other side closes. */
async function untilClosed(address: string, bytes: string | Uint8Array): Promise<string> {
  await using client = await RawClient.connect(address);
  // The other side may reset the connection before it has taken all of a long input.
  client.send(bytes).catch(() => undefined);
  await within(`${address} closes the connection`, client.closed, 5000);
  return client.receivedBytes.toString('latin1');
}

/** What must be the same before and after. */
async function metadataOf(address: string): Promise<unknown> {
  return {
    epoch: await proxyEpoch(address),
    nodes: await askText(address, 'CLUSTER', 'NODES'),
    info: timeless(await ask(address, 'UMCTL', 'INFO')),
    roles: (await ask(address, 'UMCTL', 'INFOREPL')).type,
  };
}

/** Without the times since something was seen, which go on. */
function timeless(value: RespValue): unknown {
  if ('items' in value) return value.items.map(timeless);
  return String(textOf(value)).replaceAll(/(missed|copied)_ms:-?\d+/g, '$1_ms');
}

function expectAllAlive(): void {
  const { brokerPid, coordinators, proxies } = running();
  const pids = [brokerPid, ...[...coordinators, ...proxies].map(({ pid }) => pid)];
  expect(pids.filter((pid) => !isAlive(pid))).toEqual([]);
}

const PING = '*1\r\n$4\r\nPING\r\n';

describe('malformed RESP', () => {
  // The same bytes go to a real Redis: the replies before the fault, the error and the end must be its.
  it.each([
    ['a bulk length that is no number', '*1\r\n$abc\r\n'],
    ['a bulk length below zero', '*2\r\n$3\r\nGET\r\n$-1\r\n'],
    ['a bulk length over the limit', '*2\r\n$3\r\nGET\r\n$536870913\r\n'],
    ['a bulk length that does not fit a number', '*1\r\n$99999999999999999999\r\n'],
    ['an array length that is no number', '*x\r\n'],
    ['an array length that does not fit a number', '*99999999999999999999\r\n'],
    ['an array in place of a bulk string', '*1\r\n*1\r\n$4\r\nPING\r\n'],
    ['an integer in place of a bulk string', '*1\r\n:1\r\n'],
    ['an inline command with open quotes', 'SET a "b\r\n'],
    ['an inline command without an end', 'x'.repeat(70_000)],
  ])('%s: as Redis answers it', async (_, bytes) => {
    const before = await metadataOf(proxy());
    const expected = await untilClosed(redis.address, `${PING}${bytes}`);
    expect(expected).toMatch(/^\+PONG\r\n-ERR Protocol error: /);
    expect(await untilClosed(proxy(), `${PING}${bytes}`)).toBe(expected);
    expect(await metadataOf(proxy())).toEqual(before);
    expectAllAlive();
  });

  it('a length without an end is refused as soon as it does not fit a number', async () => {
    const answer = await untilClosed(proxy(), `${PING}*1\r\n$${'1'.repeat(1000)}`);
    expect(answer).toBe('+PONG\r\n-ERR Protocol error: invalid bulk length\r\n');
  });

  it('a hostile array length costs no memory', async () => {
    const before = await residentBytes();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => untilClosed(proxy(), '*1000000000\r\n$3\r\nGET\r\n')),
    );
    expect(new Set(answers)).toEqual(
      new Set(['-ERR Protocol error: invalid multibulk length\r\n']),
    );
    expect((await residentBytes()) - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('a claimed value that never comes costs no memory', async () => {
    const before = await residentBytes();
    const clients = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = await RawClient.connect(proxy());
        await client.send('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nonly this');
        return client;
      }),
    );
    expect(await askText(proxy(), 'PING')).toBe('PONG');
    expect((await residentBytes()) - before).toBeLessThan(64 * 1024 * 1024);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('random bytes do no harm', async () => {
    const before = await metadataOf(proxy());
    for (let round = 0; round < 20; round += 1) {
      const bytes = Buffer.from(
        Array.from(
          { length: 500 },
          (_, index) => (index * 97 + round * 31 + (index % 7) * 13) & 255,
        ),
      );
      await using client = await RawClient.connect(proxy());
      await client.send(bytes).catch(() => undefined);
      client.end();
      await within('the proxy closes the connection', client.closed, 5000);
    }
    expect(await metadataOf(proxy())).toEqual(before);
    expectAllAlive();
  });
});

async function residentBytes(): Promise<number> {
  const text = await askText(proxy(), 'INFO', 'memory');
  return Number(/used_memory_rss:(\d+)/.exec(text)?.[1] ?? Number.NaN);
}

describe('malformed UMCTL', () => {
  const node = '127.0.0.1:27390';
  it.each([
    ['version', ['v1', '99', 'NOFLAG', 'demo'], 'InvalidVersion'],
    ['version', [], 'version'],
    ['epoch', ['v2', 'x', 'NOFLAG', 'demo'], 'epoch'],
    ['epoch', ['v2', '-1', 'NOFLAG', 'demo'], 'epoch'],
    ['epoch', ['v2', '9007199254740993', 'FORCE', 'demo'], 'epoch'],
    ['epoch', ['v2'], 'epoch'],
    ['flags', ['v2', '99'], 'flags'],
    ['cluster name', ['v2', '99', 'FORCE'], 'cluster name'],
    ['cluster name', ['v2', '99', 'FORCE', 'x'.repeat(32)], 'cluster name'],
    ['cluster name', ['v2', '99', 'FORCE', 'a b'], 'cluster name'],
    ['address', ['v2', '99', 'FORCE', 'demo', 'nowhere', '1', '0-1'], 'address'],
    ['address', ['v2', '99', 'FORCE', 'demo', '127.0.0.1:99999', '1', '0-1'], 'address'],
    ['range count', ['v2', '99', 'FORCE', 'demo', node, 'x'], 'count'],
    ['range count', ['v2', '99', 'FORCE', 'demo', node, '2', '0-1'], 'count'],
    ['range', ['v2', '99', 'FORCE', 'demo', node, '1', '0'], 'range'],
    ['range', ['v2', '99', 'FORCE', 'demo', node, '1', 'a-b'], 'range'],
    ['range', ['v2', '99', 'FORCE', 'demo', node, '1', '0-16384'], 'range'],
    ['migration', ['v2', '99', 'FORCE', 'demo', node, 'MIGRATING', '1', '0-1'], 'epoch'],
    ['peer', ['v2', '99', 'FORCE', 'demo', node, '1', '0-1', 'PEER', 'x', '1', '2-3'], 'peer'],
    ['payload', ['v2', '99', 'FORCE,COMPRESS'], 'payload'],
    ['payload', ['v2', '99', 'FORCE,COMPRESS', 'not base64!'], 'payload'],
    ['payload', ['v2', '99', 'FORCE,COMPRESS', 'bm90IGd6aXA='], 'payload'],
  ])('SETCLUSTER with a wrong %s is refused by name', async (_, words, name) => {
    expect(await refusalOf('UMCTL', 'SETCLUSTER', ...words)).toContain(name);
  });

  it.each([
    ['epoch', ['x', 'NOFLAG'], 'epoch'],
    ['epoch', [], 'epoch'],
    ['flags', ['99'], 'flags'],
    ['role', ['99', 'FORCE', 'king', 'demo', node, '0'], 'role'],
    ['cluster name', ['99', 'FORCE', 'master', 'a b', node, '0'], 'cluster'],
    ['address', ['99', 'FORCE', 'master', 'demo', 'nowhere', '0'], 'node'],
    ['peer count', ['99', 'FORCE', 'master', 'demo', node, 'x'], 'count'],
    ['peer count', ['99', 'FORCE', 'master', 'demo', node, '1', node], 'count'],
    ['peer', ['99', 'FORCE', 'replica', 'demo', node, '1', 'x', node], 'peer'],
  ])('SETREPL with a wrong %s is refused by name', async (_, words, name) => {
    expect(await refusalOf('UMCTL', 'SETREPL', ...words)).toContain(name);
  });

  it('metadata for another host, or of an old epoch, is refused', async () => {
    const setCluster = ['UMCTL', 'SETCLUSTER', 'v2'];
    const other = ['10.9.9.9:6379', '1', '0-16383'];
    expect(await refusalOf(...setCluster, '99', 'FORCE', 'demo', ...other)).toBe('ERR_NOT_MY_META');
    expect(await refusalOf(...setCluster, '1', 'NOFLAG', 'demo')).toBe('OLD_EPOCH');
    expect(await refusalOf('UMCTL', 'SETREPL', '1', 'NOFLAG')).toBe('OLD_EPOCH');
  });

  /** The error reply to a command that must change nothing. */
  async function refusalOf(...words: readonly string[]): Promise<string> {
    const before = await metadataOf(proxy());
    const reply = await ask(proxy(), ...words);
    expect(await metadataOf(proxy())).toEqual(before);
    expectAllAlive();
    return reply.type === 'error' ? reply.value : `no error but ${reply.type}`;
  }
});

describe('malformed HTTP', () => {
  const address = '127.0.0.1:26349';
  const nodes = ['127.0.0.1:27398', '127.0.0.1:27399'];
  const good = { proxy_address: address, nodes, host: 'host-9' };
  const config = '/clusters/config/demo';
  it.each([
    ['POST', '/proxies/meta', { ...good, proxy_address: undefined }, 'proxy_address'],
    ['POST', '/proxies/meta', { ...good, proxy_address: 5 }, 'proxy_address'],
    ['POST', '/proxies/meta', { ...good, proxy_address: 'nowhere' }, 'proxy_address'],
    ['POST', '/proxies/meta', { ...good, nodes: undefined }, 'nodes'],
    ['POST', '/proxies/meta', { ...good, nodes: nodes[0] }, 'nodes'],
    ['POST', '/proxies/meta', { ...good, nodes: [nodes[0]] }, 'nodes'],
    ['POST', '/proxies/meta', { ...good, nodes: [...nodes, nodes[0]] }, 'nodes'],
    ['POST', '/proxies/meta', { ...good, nodes: [nodes[0], 'x'] }, 'nodes[1]'],
    ['POST', '/proxies/meta', { ...good, nodes: [nodes[0], nodes[0]] }, 'nodes[1]'],
    ['POST', '/proxies/meta', { ...good, host: 5 }, 'host'],
    ['POST', '/proxies/meta', { ...good, host: '' }, 'host'],
    ['POST', '/proxies/meta', { ...good, index: 'first' }, 'index'],
    ['POST', '/proxies/meta', { ...good, index: -1 }, 'index'],
    ['POST', '/clusters/meta/second', {}, 'node_number'],
    ['POST', '/clusters/meta/second', { node_number: '4' }, 'node_number'],
    ['POST', '/clusters/meta/second', { node_number: 4.5 }, 'node_number'],
    ['POST', '/clusters/meta/second', { node_number: -4 }, 'node_number'],
    ['PUT', '/config', {}, 'replica_addresses'],
    ['PUT', '/config', { replica_addresses: 'x' }, 'replica_addresses'],
    ['PUT', '/config', { replica_addresses: ['x'] }, 'replica_addresses[0]'],
    ['PATCH', config, { migration_scan_count: 5 }, 'migration_scan_count'],
    ['PATCH', config, { migration_scan_count: 'many' }, 'migration_scan_count'],
    ['PATCH', config, { no_such_field: '5' }, 'no_such_field'],
    ['PUT', '/clusters/migrations', {}, 'cluster_name'],
    ['PUT', '/clusters/migrations', { cluster_name: 'demo' }, 'slot_range'],
    ['PUT', '/metadata', { version: 'mem-broker-0.2' }, 'global_epoch'],
  ] as const)('%s %s with %j names %s', async (method, path, body, field) => {
    const answer = await expectUnchanged(method, path, body);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(field);
  });

  it.each([
    ['POST', '/proxies/meta', '', 400],
    ['POST', '/proxies/meta', '{', 400],
    ['POST', '/proxies/meta', '[]', 400],
    ['POST', '/proxies/meta', 'null', 400],
    ['POST', '/proxies/meta', `"${'x'.repeat(3_000_000)}"`, 413],
    ['POST', `/clusters/meta/${'x'.repeat(32)}`, { node_number: 4 }, 400],
    ['POST', '/clusters/meta/second', { node_number: 6 }, 400],
    ['POST', '/clusters/meta/second', { node_number: 0 }, 400],
    ['POST', '/clusters/meta/second', { node_number: 4 }, 409],
    ['POST', '/clusters/meta/demo', { node_number: 4 }, 409],
    ['PUT', '/metadata', { version: 'other' }, 409],
    ['PUT', '/epoch/1', undefined, 409],
    ['PUT', '/epoch/x', undefined, 400],
    ['DELETE', '/clusters/meta/nobody', undefined, 404],
    ['DELETE', '/proxies/meta/127.0.0.1:1', undefined, 404],
    ['POST', '/proxies/failover/127.0.0.1:1', undefined, 404],
    ['GET', '/clusters/names?limit=x', undefined, 400],
    ['GET', '/no/such/path', undefined, 405],
    ['DELETE', '/epoch', undefined, 405],
  ] as const)('%s %s with %j is refused', async (method, path, body, status) => {
    const answer = await expectUnchanged(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error: expect.stringMatching(/^[A-Z_]+$/) as string });
  });

  async function expectUnchanged(
    ...request: readonly [method: string, path: string, body: unknown]
  ): Promise<Awaited<ReturnType<typeof askBroker>>> {
    const { brokerUrl } = running();
    const epoch = await brokerEpoch(brokerUrl);
    const metadata = await brokerMetadata(brokerUrl);
    const answer = await askBroker(brokerUrl, ...request);
    expect(await brokerMetadata(brokerUrl)).toEqual(metadata);
    expect(await brokerEpoch(brokerUrl)).toBe(epoch);
    expectAllAlive();
    return answer;
  }
});
