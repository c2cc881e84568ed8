import { expect, it } from 'vitest';
import { cases as lookupCases } from '../bench/command-lookup.bench.ts';
import { cases as replyCases } from '../bench/reply-path.bench.ts';
import { cases as routingCases } from '../bench/routing.bench.ts';
import { cases as queueCases } from '../bench/run-queue.bench.ts';

const cases = [...lookupCases, ...routingCases, ...replyCases, ...queueCases];

// They use parts of the data path without the rest, so a change of it may leave them behind.
it.each(cases)('the bench case "$name" runs', ({ run }) => {
  for (let count = 0; count < 3; count++) expect(run).not.toThrow();
});
