import { it } from 'vitest';
import { openNodeRedis } from '../src/node-redis-client.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { loseThreeOfFour } from './failover-scenario.ts';
import { useCluster } from './use-cluster.ts';

const running = useCluster(() => startProgramCluster({ port: 27000, brokerPort: 27090 }));

it('node-redis goes on while proxies die with their Redis servers', { timeout: 150_000 }, async () => {
  // When it has lost all nodes it knows, it asks the ones it started from: it needs all of them.
  const nodes = running().proxies.map(({ address }) => address);
  const client = await openNodeRedis({ nodes, protocol: 3 });
  await loseThreeOfFour(running(), client).finally(() => client.close());
});
