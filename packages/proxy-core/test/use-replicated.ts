import type { RespValue } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { PATIENT } from './fixture.ts';
import type { Pair } from './replicated.ts';

/** Two masters, two servers for their copies, and what a test starts beside them. */
export interface Replicated {
  readonly servers: readonly RedisServer[];
  /** A proxy until the end of the test. */
  readonly startProxy: (options?: ProxyServerOptions) => Promise<ProxyServer>;
  /** Closes a client at the end of the test. */
  readonly keep: (client: RawClient) => RawClient;
}

/** Four Redis servers for all tests of a file; each test finds them running, empty, and as masters. */
export function useReplicated(defaults: ProxyServerOptions = {}): Replicated {
  const servers: RedisServer[] = [];
  const proxies: ProxyServer[] = [];
  const clients: RawClient[] = [];
  beforeAll(async () => {
    servers.push(...(await Promise.all(Array.from({ length: 4 }, () => startRedis()))));
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));
  beforeEach(async () => {
    for (const server of servers) if (!server.isRunning) await server.restart();
    for (const { address } of servers) {
      await using direct = await RawClient.connect(address);
      await direct.command('REPLICAOF', 'NO', 'ONE');
      await direct.command('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
      await direct.command('FLUSHALL');
      await direct.command('FUNCTION', 'FLUSH');
    }
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    for (const proxy of proxies.splice(0)) proxy.destroy();
  });
  const startProxy = async (options: ProxyServerOptions = {}): Promise<ProxyServer> => {
    const proxy = createProxyServer({
      ...PATIENT,
      address: '127.0.0.1:0',
      replicationCheckIntervalMs: 50,
      ...defaults,
      ...options,
    });
    await proxy.listen();
    proxies.push(proxy);
    return proxy;
  };
  const keep = (client: RawClient): RawClient => {
    clients.push(client);
    return client;
  };
  return { servers, startProxy, keep };
}

/** The reply to a command, as text. */
export async function ask(client: RawClient, line: string): Promise<string> {
  return shown(await client.command(...line.split(' ')));
}

export function shown(reply: RespValue): string {
  if (reply.type === 'array') return `[${reply.items.map(shown).join(' ')}]`;
  return 'value' in reply ? String(reply.value) : reply.type;
}

/** Sets a key on the master and waits until the copy has it. */
export async function put({ master }: Pair, key: string, value: string): Promise<void> {
  await using direct = await RawClient.connect(master.address);
  await direct.command('SET', key, value);
  expect(await ask(direct, 'WAIT 1 10000')).toBe('1');
}
