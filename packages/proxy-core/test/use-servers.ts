import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** Redis servers for all tests of a file; each test finds them empty. They are there from the first test on. */
export function useServers(count: number): readonly RedisServer[] {
  const servers: RedisServer[] = [];
  beforeAll(async () => {
    servers.push(...(await Promise.all(Array.from({ length: count }, () => startRedis()))));
  });
  afterEach(async () => {
    for (const { address } of servers) {
      await using direct = await RawClient.connect(address);
      await direct.command('FLUSHALL');
    }
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));
  return servers;
}
