import { once } from 'node:events';
import { Cluster } from 'ioredis';
import { portOf } from './running-cluster.ts';
import type { StockClient, StockClientOptions } from './stock-client.ts';

// Its documentation says that it looks for new nodes every 5 s, but version 6.0.0 does so only if told to. Without, it
// neither leaves a node that froze nor ever hears of one that joined while nothing was redirected.
const SLOTS_REFRESH_MS = 2000;

/** An ioredis Cluster with its defaults. */
export async function openIoredis(options: StockClientOptions): Promise<StockClient> {
  const { nodes, protocol, commandTimeoutMs, slotsTimeoutMs } = options;
  const cluster = new Cluster(
    nodes.map((node) => ({ host: '127.0.0.1', port: portOf(node) })),
    {
      slotsRefreshInterval: SLOTS_REFRESH_MS,
      ...(slotsTimeoutMs === undefined ? {} : { slotsRefreshTimeout: slotsTimeoutMs }),
      redisOptions: {
        protocol,
        ...(commandTimeoutMs === undefined ? {} : { commandTimeout: commandTimeoutMs }),
      },
    },
  );
  const connectionErrors: string[] = [];
  const keep = (error: Error): void => void connectionErrors.push(error.message);
  cluster.on('error', keep);
  cluster.on('node error', keep);
  await once(cluster, 'ready');
  return {
    name: `ioredis RESP${protocol}`,
    connectionErrors,
    send: (_key, [name = '', ...rest]) => cluster.call(name, ...rest),
    sendTogether: async (_key, commands) => {
      const pipeline = cluster.pipeline();
      for (const [name = '', ...rest] of commands) pipeline.call(name, ...rest);
      const results = (await pipeline.exec()) ?? [];
      for (const [error] of results) if (error) throw error;
      return results.map(([, reply]) => reply);
    },
    close: async () => {
      if (cluster.status === 'end') return;
      const ended = once(cluster, 'end');
      cluster.disconnect();
      await ended;
    },
  };
}
