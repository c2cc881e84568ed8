import { expect, it } from 'vitest';
import { loadCases } from '../src/micro/micro-cases.ts';
import { REPOSITORY } from '../src/programs.ts';

it('the cases of the packages run, each under a name of its own', async () => {
  const cases = await loadCases(REPOSITORY);
  const names = cases.map(({ name }) => name);
  for (const part of ['scan request', 'scan reply', 'lookup', 'route', 'deliver', 'run queue']) {
    expect(names.some((name) => name.startsWith(part))).toBe(true);
  }
  expect(new Set(names).size).toBe(names.length);
  for (const { name, operations, run } of cases) {
    expect(operations, name).toBeGreaterThan(0);
    for (let count = 0; count < 3; count += 1) expect(run, name).not.toThrow();
  }
});
