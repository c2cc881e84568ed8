import type { RespValue } from '@undermoon/resp';
import { freePorts, RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { PATIENT, setCluster } from './fixture.ts';

/** Two proxies with a plain port each, and one Redis server with one half of the slots behind each. */
export interface PlainPair {
  readonly redis: readonly RedisServer[];
  readonly proxies: readonly ProxyServer[];
  /** A client of the plain port of one of them. */
  connect(index?: number): Promise<RawClient>;
  stop(): Promise<void>;
}

export const HALVES = ['0-8191', '8192-16383'] as const;

export async function startPlainPair(
  options: ProxyServerOptions = {},
  serverArgs: readonly string[] = [],
): Promise<PlainPair> {
  const redis = await Promise.all(HALVES.map(() => startRedis({ args: serverArgs })));
  // Some tests start one again where it was.
  const ports = await freePorts(HALVES.length);
  const proxies = ports.map((port) =>
    createProxyServer({
      ...PATIENT,
      address: `127.0.0.1:${port}`,
      plainAddress: '127.0.0.1:0',
      ...options,
    }),
  );
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  for (const [i, proxy] of proxies.entries()) {
    const own = redis[i]?.address ?? '';
    const peer = proxies[1 - i]?.address ?? '';
    await setCluster(proxy, [[own, HALVES[i] ?? '']], { peers: [[peer, HALVES[1 - i] ?? '']] });
  }
  return {
    redis,
    proxies,
    connect: (index = 0) => RawClient.connect(proxies[index]?.plainAddress ?? ''),
    async stop() {
      for (const proxy of proxies) proxy.destroy();
      await Promise.all(redis.map((server) => server.stop()));
    },
  };
}

/** A reply that is no list, as text. */
export function wordOf(reply: RespValue | undefined): string {
  if (reply === undefined) return '(none)';
  return 'value' in reply ? String(reply.value) : JSON.stringify(reply);
}

/** The elements of a list, as text. */
export function wordsOf(reply: RespValue | undefined): string[] {
  if (reply?.type !== 'array') throw new Error(`no list: ${wordOf(reply)}`);
  return reply.items.map(wordOf);
}
