import { expect, it } from 'vitest';
import { RECOVERY_MS_MAX } from '../src/fault-drill.ts';
import { openIoredis } from '../src/ioredis-client.ts';
import { startLocalCluster } from '../src/local-cluster.ts';
import { loseThreeOfFour } from './failover-scenario.ts';
import { startNodes, useCluster } from './use-cluster.ts';

const running = useCluster(() => startLocalCluster({ port: 26050 }));

it('ioredis goes on while proxies die with their Redis servers', { timeout: 150_000 }, async () => {
  const client = await openIoredis({ nodes: startNodes(running()), protocol: 3 });
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
});
