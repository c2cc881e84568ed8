import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import type { RespValue } from '@undermoon/resp';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../../src/index.ts';
import { PATIENT, setCluster } from '../fixture.ts';

/** Proxies with one real Redis server each, all slots shared out among them; everything ends with `stop`. */
export interface Proxies {
  readonly servers: readonly RedisServer[];
  readonly proxies: readonly ProxyServer[];
  /** Which slots each proxy has. */
  readonly ranges: readonly string[];
  /** A new client of proxy `index`. */
  connect(index: number, protocol?: 2 | 3): Promise<RawClient>;
  connectPlain(index: number, protocol?: 2 | 3): Promise<RawClient>;
  /** Tells every proxy who serves which slots: proxy i `ranges[i]` from server i; an empty range is nothing. */
  route(epoch: number, ranges?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startProxies(
  count: number,
  options: ProxyServerOptions = {},
): Promise<Proxies> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  const proxies = servers.map(() =>
    createProxyServer({
      ...PATIENT,
      address: '127.0.0.1:0',
      plainAddress: '127.0.0.1:0',
      backendTimeoutMs: 1000,
      spreadClients: 'at-once',
      ...options,
    }),
  );
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  const ranges = slotRanges(count);
  const group: Proxies = {
    servers,
    proxies,
    ranges,
    connect: (index, protocol = 2) => connectTo(proxies[index]!.address, options, protocol),
    connectPlain: (index, protocol = 2) =>
      connectTo(proxies[index]!.plainAddress ?? '', options, protocol),
    async route(epoch, wanted = ranges) {
      for (const [i, proxy] of proxies.entries()) {
        const own = wanted[i] === '' ? [] : [[servers[i]!.address, wanted[i]!] as const];
        const peers = proxies.flatMap((peer, j) =>
          j === i || wanted[j] === '' ? [] : [[peer.address, wanted[j]!] as const],
        );
        await setCluster(proxy, own, { epoch, peers });
      }
    },
    async stop() {
      for (const proxy of proxies) proxy.destroy();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
  await group.route(1);
  return group;
}

/** A reply or push as text, bulk strings as they are. */
export function textOf(value: RespValue): string {
  switch (value.type) {
    case 'array':
    case 'push':
      return value.items.map(textOf).join(' ');
    case 'null':
      return 'nil';
    default:
      return 'value' in value ? String(value.value) : JSON.stringify(value);
  }
}

/** The next `count` replies and pushes as text. */
export async function next(client: RawClient, count: number): Promise<string[]> {
  return (await client.replies(count)).map(textOf);
}

/** Sends a command and returns its reply, or the next push, as text. */
export async function ask(client: RawClient, line: string): Promise<string> {
  return textOf(await client.command(...line.split(' ')));
}

async function connectTo(
  address: string,
  { password }: ProxyServerOptions,
  protocol: 2 | 3,
): Promise<RawClient> {
  const client = await RawClient.connect(address);
  if (password !== undefined && password !== null) await client.command('AUTH', password);
  if (protocol === 3) await client.command('HELLO', '3');
  return client;
}

function slotRanges(count: number): string[] {
  const size = Math.floor(16_384 / count);
  return Array.from({ length: count }, (_, i) => {
    const end = i === count - 1 ? 16_383 : (i + 1) * size - 1;
    return `${i * size}-${end}`;
  });
}
