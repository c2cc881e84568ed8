import { expect, it } from 'vitest';
import { PROXY_VARIANTS, runProxyFaults } from '../src/proxy-faults/proxy-faults.ts';
import { printedSeed } from './use-cluster.ts';

// The short form of `pnpm fault-test proxy`.
it.each(PROXY_VARIANTS)(
  'whatever breaks, every reply belongs to its command and no write is lost or done twice ($name)',
  { timeout: 60_000 },
  async (variant) => {
    const seed = printedSeed(`proxy-faults ${variant.name}`);
    const { violations, counts, info } = await runProxyFaults({ seed, variant, seconds: 5 });
    expect(violations).toEqual([]);
    expect(counts.right).toBeGreaterThan(500);
    expect(info['retried']).toBeGreaterThan(0);
  },
);
