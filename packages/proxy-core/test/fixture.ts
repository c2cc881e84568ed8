import type { RespValue } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';

export const ALL_SLOTS = '0-16383';

/** Event loops wait for each other as long as it takes: a loop of a busy machine may be later than the default allows. */
export const PATIENT = { loopHoldTimeoutMs: 60_000 } as const;

/** A proxy with real Redis servers behind it; everything ends with `stop`. */
export interface Fixture {
  readonly redis: readonly RedisServer[];
  readonly proxy: ProxyServer;
  connect(): Promise<RawClient>;
  stop(): Promise<void>;
}

/**
 * Starts `ranges.length` Redis servers and one proxy that serves `ranges[i]` from server i; what `peers`
 * names is served elsewhere.
 */
export async function startFixture(
  ranges: readonly string[],
  options: ProxyServerOptions = {},
  peers: readonly (readonly [address: string, range: string])[] = [],
): Promise<Fixture> {
  const redis = await Promise.all(ranges.map(() => startRedis()));
  // Tests of several loops want clients on all of them.
  const proxy = createProxyServer({
    ...PATIENT,
    address: '127.0.0.1:0',
    spreadClients: 'at-once',
    ...options,
  });
  await proxy.listen();
  await setCluster(
    proxy,
    redis.map((server, i) => [server.address, ranges[i] ?? ALL_SLOTS]),
    { peers },
  );
  return {
    redis,
    proxy,
    connect: () => RawClient.connect(proxy.address),
    async stop() {
      proxy.destroy();
      await Promise.all(redis.map((server) => server.stop()));
    },
  };
}

/** Sends UMCTL SETREPL (if `roles` is not false) and SETCLUSTER as a coordinator does. */
export async function setCluster(
  proxy: ProxyServer,
  local: readonly (readonly [address: string, range: string])[],
  options: {
    peers?: readonly (readonly [string, string])[];
    epoch?: number;
    roles?: boolean;
    config?: readonly (readonly [field: string, value: string])[];
  } = {},
): Promise<void> {
  const epoch = String(options.epoch ?? 1);
  const peers = options.peers ?? [];
  const client = await RawClient.connect(proxy.address);
  const answers: RespValue[] = [];
  if (options.roles !== false) {
    const roles = local.flatMap(([address]) => ['master', 'test', address, '0']);
    answers.push(await client.command('UMCTL', 'SETREPL', epoch, 'NOFLAG', ...roles));
  }
  const words = local.flatMap(([address, range]) => [address, '1', range]);
  const others = peers.flatMap(([address, range]) => [address, '1', range]);
  const part = others.length > 0 ? ['PEER', ...others] : [];
  const fields = options.config === undefined ? [] : ['CONFIG', ...options.config.flat()];
  const setCommand = ['UMCTL', 'SETCLUSTER', 'v2', epoch, 'NOFLAG', 'test'];
  answers.push(await client.command(...setCommand, ...words, ...part, ...fields));
  await client.close();
  for (const answer of answers) {
    if (answer.type !== 'simple') throw new Error(`metadata refused: ${JSON.stringify(answer)}`);
  }
}
