import { createProxyServer, type ProxyServer } from '@undermoon/proxy-core';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { textOf } from '@undermoon/resp';
import type { Port } from './port.ts';
import { Side } from './side.ts';

/** The servers of a run. */
export interface Servers {
  readonly ours: Side;
  readonly theirs: Side;
  stop(): Promise<void>;
}

const LAST_SLOT = '16383';
const HALVES = ['0-8191', `8192-${LAST_SLOT}`];
const DEBUG_ARGS = ['--enable-debug-command', 'yes'];
const CLUSTER_START_TIMEOUT_MS = 15_000;

/** The servers for a port: see `startClusterServers` and `startPlainServers`. */
export function startServers(port: Port): Promise<Servers> {
  return port === 'plain' ? startPlainServers() : startClusterServers();
}

/** A Redis server in cluster mode with one shard, and a proxy in front of a plain one. */
async function startClusterServers(): Promise<Servers> {
  const [reference, redis] = await Promise.all([
    startReference(),
    startRedis({ args: DEBUG_ARGS }),
  ]);
  const proxy = await startProxy(redis);
  const [ours, theirs] = await Promise.all([
    Side.open(proxy.address, [redis.address]),
    Side.open(reference.address, [reference.address]),
  ]);
  return {
    ours,
    theirs,
    async stop() {
      await Promise.all([ours.close(), theirs.close()]);
      proxy.destroy();
      await Promise.all([reference.stop(), redis.stop()]);
    },
  };
}

/** A Redis server, and the plain port of one of two proxies with a server each. */
async function startPlainServers(): Promise<Servers> {
  const [reference, ...servers] = await Promise.all([
    startRedis({ args: [...DEBUG_ARGS, '--databases', '1'] }),
    ...HALVES.map(() => startRedis({ args: DEBUG_ARGS })),
  ]);
  const proxies = HALVES.map(() =>
    createProxyServer({ address: '127.0.0.1:0', plainAddress: '127.0.0.1:0' }),
  );
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  for (const [i, proxy] of proxies.entries()) {
    const own = servers[i]?.address ?? '';
    const peer = proxies[1 - i]?.address ?? '';
    await introduce(proxy, [own, '1', HALVES[i] ?? '', 'PEER', peer, '1', HALVES[1 - i] ?? '']);
  }
  const [first] = proxies;
  const [ours, theirs] = await Promise.all([
    Side.open(
      first?.plainAddress ?? '',
      servers.map(({ address }) => address),
    ),
    Side.open(reference.address, [reference.address]),
  ]);
  return {
    ours,
    theirs,
    async stop() {
      await Promise.all([ours.close(), theirs.close()]);
      for (const proxy of proxies) proxy.destroy();
      await Promise.all([reference, ...servers].map((server) => server.stop()));
    },
  };
}

async function startReference(): Promise<RedisServer> {
  const args = [...DEBUG_ARGS, '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'];
  const redis = await startRedis({ args });
  await using client = await RawClient.connect(redis.address);
  await expectOk(client, 'CLUSTER', 'ADDSLOTSRANGE', '0', LAST_SLOT);
  await expectOk(client, 'CLUSTER', 'SET-CONFIG-EPOCH', '1');
  const giveUpAt = performance.now() + CLUSTER_START_TIMEOUT_MS;
  // A node accepts commands two seconds after its start; nothing but asking tells when.
  while (!(textOf(await client.command('CLUSTER', 'INFO')) ?? '').includes('cluster_state:ok')) {
    if (performance.now() > giveUpAt) throw new Error('the reference cluster did not become ready');
  }
  return redis;
}

async function startProxy(redis: RedisServer): Promise<ProxyServer> {
  const proxy = createProxyServer({ address: '127.0.0.1:0' });
  await proxy.listen();
  await introduce(proxy, [redis.address, '1', `0-${LAST_SLOT}`]);
  return proxy;
}

/** Tells a proxy which slots its server has; `slots` begins with the address of that server. */
async function introduce(proxy: ProxyServer, slots: readonly string[]): Promise<void> {
  await using client = await RawClient.connect(proxy.address);
  const [redis = ''] = slots;
  await expectOk(client, 'UMCTL', 'SETREPL', '1', 'NOFLAG', 'master', 'test', redis, '0');
  await expectOk(client, 'UMCTL', 'SETCLUSTER', 'v2', '1', 'NOFLAG', 'test', ...slots);
}

async function expectOk(client: RawClient, ...words: readonly string[]): Promise<void> {
  const reply = await client.command(...words);
  if (textOf(reply) !== 'OK') throw new Error(`${words.join(' ')}: ${JSON.stringify(reply)}`);
}
