// Functions reach servers that join a cluster without any.
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer } from '../src/index.ts';
import { setCluster } from './fixture.ts';

const PASSWORD = 'secret of the clients';
const LIBRARY = "#!lua name=lib\nredis.register_function('first', function() return 'copied' end)";
const OTHER = "#!lua name=other\nredis.register_function('second', function() return 'own' end)";

let servers: RedisServer[] = [];
let proxies: ProxyServer[] = [];

beforeEach(async () => {
  servers = await Promise.all(Array.from({ length: 3 }, () => startRedis()));
  proxies = await Promise.all(
    Array.from({ length: 2 }, async () => {
      const proxy = createProxyServer({
        address: '127.0.0.1:0',
        password: PASSWORD,
        replicationCheckIntervalMs: 50,
      });
      await proxy.listen();
      return proxy;
    }),
  );
});

afterEach(async () => {
  for (const proxy of proxies) proxy.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

async function librariesOf(server: RedisServer | undefined): Promise<string> {
  await using client = await RawClient.connect(server?.address ?? '');
  const reply = await client.command('FUNCTION', 'LIST');
  return [...client.receivedBytes.toString().matchAll(/library_name\r\n\$\d+\r\n(\w+)/g)]
    .map(([, name]) => name)
    .concat(reply.type === 'error' ? ['error'] : [])
    .join();
}

async function load(server: RedisServer | undefined, library: string): Promise<void> {
  await using client = await RawClient.connect(server?.address ?? '');
  expect((await client.command('FUNCTION', 'LOAD', library)).type).toBe('bulk');
}

test('a shard that joins gets them from another proxy, also when its server comes up late', async () => {
  const [first, second] = proxies;
  const [one, two] = servers;
  await load(one, LIBRARY);
  await setCluster(first!, [[one!.address, '0-16383']]);
  await two!.stop();
  await setCluster(second!, [[two!.address, '8192-16383']], {
    peers: [[first!.address, '0-8191']],
    roles: false,
  });
  servers[1] = await startRedis({ port: two!.port });
  await expect.poll(() => librariesOf(servers[1])).toBe('lib');
  expect(await librariesOf(one)).toBe('lib');
});

test('a second server of a proxy gets them from the first, one that has functions keeps its own', async () => {
  const [first] = proxies;
  const [one, two, three] = servers;
  await load(one, LIBRARY);
  await load(three, OTHER);
  await setCluster(first!, [[one!.address, '0-16383']]);
  await setCluster(
    first!,
    [
      [one!.address, '0-5000'],
      [two!.address, '5001-16383'],
    ],
    { epoch: 2 },
  );
  await expect.poll(() => librariesOf(two)).toBe('lib');
  // What is deleted later stays deleted, whatever the metadata.
  await using direct = await RawClient.connect(two!.address);
  await direct.command('FUNCTION', 'FLUSH');
  await setCluster(
    first!,
    [
      [one!.address, '0-6000'],
      [two!.address, '6001-9000'],
      [three!.address, '9001-16383'],
    ],
    { epoch: 3 },
  );
  expect(await librariesOf(one)).toBe('lib');
  expect(await librariesOf(two)).toBe('');
  expect(await librariesOf(three)).toBe('other');
});
