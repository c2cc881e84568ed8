import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const TESTS = new URL('../test/', import.meta.url);
/** From here on a cluster has: proxies, broker and coordinators; Redis servers; proxies as replicas. */
const OFFSETS = [0, 1000, 1800] as const;
const RANGE = 50;

it('no two test files use the same ports: they run side by side', () => {
  const taken = new Map<number, string>();
  for (const file of readdirSync(TESTS)) {
    const text = readFileSync(new URL(file, TESTS), 'utf8');
    const port = /(?:port: |PORT = )(\d[\d_]+)/.exec(text)?.[1];
    if (port === undefined) continue;
    for (const offset of OFFSETS) {
      const range = Math.floor((Number(port.replace('_', '')) + offset) / RANGE);
      expect(taken.get(range), `${file} from ${range * RANGE} on`).toBeUndefined();
      taken.set(range, file);
    }
  }
  expect(taken.size).toBeGreaterThan(OFFSETS.length);
});
