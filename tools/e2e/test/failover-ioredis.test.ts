import { it } from 'vitest';
import { openIoredis } from '../src/ioredis-client.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { loseThreeOfFour } from './failover-scenario.ts';
import { startNodes, useCluster } from './use-cluster.ts';

const running = useCluster(() => startProgramCluster({ port: 26100, brokerPort: 26190 }));

it('ioredis goes on while proxies die with their Redis servers', { timeout: 150_000 }, async () => {
  const client = await openIoredis({ nodes: startNodes(running()), protocol: 3 });
  await loseThreeOfFour(running(), client).finally(() => client.close());
});
