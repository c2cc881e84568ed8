import { it } from 'vitest';
import { openNodeRedis } from '../src/node-redis-client.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { loseThreeOfFour } from './failover-scenario.ts';
import { startNodes, useCluster } from './use-cluster.ts';

const running = useCluster(() => startProgramCluster({ port: 27000, brokerPort: 27090 }));

it('node-redis goes on while proxies die with their Redis servers', { timeout: 150_000 }, async () => {
  const client = await openNodeRedis({ nodes: startNodes(running()), protocol: 3 });
  await loseThreeOfFour(running(), client).finally(() => client.close());
});
