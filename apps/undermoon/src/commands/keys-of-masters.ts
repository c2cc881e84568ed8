import type { NodeMeta } from '@undermoon/cluster-meta';

import { NodeProbe, type Credentials } from '../sight/node-probe.ts';

/** The keys that the masters among `nodes` hold together; null when one of them does not say. */
export async function keysOfMasters(
  nodes: readonly NodeMeta[],
  credentials: Credentials | null,
): Promise<number | null> {
  const masters = nodes.filter(({ role }) => role === 'master');
  const counts = await Promise.all(
    masters.map(async ({ address }) => {
      const probe = new NodeProbe(address, credentials);
      try {
        return await probe.askNumber('DBSIZE');
      } finally {
        probe.close();
      }
    }),
  );
  return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0);
}
