import { createCluster } from 'redis';
import type { StockClient, StockClientOptions } from './stock-client.ts';

/** A node-redis cluster client with its defaults. */
export async function openNodeRedis(options: StockClientOptions): Promise<StockClient> {
  const { nodes, protocol, commandTimeoutMs } = options;
  const cluster = createCluster({
    RESP: protocol,
    rootNodes: nodes.map((node) => ({ url: `redis://${node}` })),
    ...(commandTimeoutMs === undefined ? {} : { commandOptions: { timeout: commandTimeoutMs } }),
  });
  const connectionErrors: string[] = [];
  const keep = (error: Error): void => void connectionErrors.push(error.message);
  cluster.on('error', keep);
  cluster.on('node-error', keep);
  await cluster.connect();
  return {
    name: `node-redis RESP${protocol}`,
    connectionErrors,
    send: (key, words) => cluster.sendCommand(key, false, [...words]),
    sendTogether: async (key, commands) => {
      const multi = cluster.multi();
      for (const words of commands) multi.addCommand(key, false, [...words]);
      return await multi.execAsPipeline();
    },
    close: async () => {
      if (cluster.isOpen) cluster.destroy();
    },
  };
}
