import { expect, it } from 'vitest';
import { RECOVERY_MS_MAX } from '../src/fault-drill.ts';
import { openNodeRedis } from '../src/node-redis-client.ts';
import { startLocalCluster } from '../src/local-cluster.ts';
import { loseThreeOfFour } from './failover-scenario.ts';
import { useCluster } from './use-cluster.ts';

const running = useCluster(() => startLocalCluster({ port: 26100 }));

it(
  'node-redis goes on while proxies die with their Redis servers',
  { timeout: 150_000 },
  async () => {
    // When it has lost all nodes it knows, it asks the ones it started from: it needs all of them.
    const nodes = running().proxies.map(({ address }) => address);
    const client = await openNodeRedis({ nodes, protocol: 3 });
    try {
      const reports = await loseThreeOfFour(running(), client);
      expect(reports.map(({ outageMs }) => outageMs > RECOVERY_MS_MAX)).toEqual([
        false,
        false,
        false,
      ]);
    } finally {
      await client.close();
    }
  },
);
