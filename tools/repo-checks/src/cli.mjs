// Runs the repository's own checks on the checkout that this file is in; prints what they find.
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register();
const { checkRepository } = await import('./run-checks.ts');
const { openRepository } = await import('./repository.ts');
const { renderProblem } = await import('./problem.ts');

const problems = checkRepository(
  openRepository(fileURLToPath(new URL('../../..', import.meta.url))),
);
for (const problem of problems) console.error(renderProblem(problem));
console.error(
  problems.length === 0
    ? 'repository checks: clean'
    : `repository checks: ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
