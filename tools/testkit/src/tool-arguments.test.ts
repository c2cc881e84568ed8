import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, expect, it } from 'vitest';

import { startProgram } from './program.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tool-arguments-'));
const tool = path.join(directory, 'tool.ts');
const source = fileURLToPath(new URL('tool-arguments.ts', import.meta.url));
writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
writeFileSync(
  tool,
  `import { parseArgs } from 'node:util';
import { numberArgument, parseToolArguments } from ${JSON.stringify(source)};
const options = { seed: { type: 'string', default: '1' } } as const;
const { values } = parseToolArguments('usage: tool', (args) => parseArgs({ args, options }));
console.info(numberArgument('usage: tool', 'seed', values.seed, { isWhole: true, min: 0 }));
`,
);
afterAll(() => rmSync(directory, { recursive: true }));

const REFUSED = '--seed: expected a whole number, at least 0, got';

it.each([
  [['--', '--seed', '7'], { code: 0, stdout: '7\n', stderr: '' }],
  [['--help'], { code: 0, stdout: 'usage: tool\n', stderr: '' }],
  [['--sed'], { code: 2, stdout: '', stderr: "Unknown option '--sed'\nusage: tool\n" }],
  [['--seed', 'x'], { code: 2, stdout: '', stderr: `${REFUSED} "x"\nusage: tool\n` }],
  [['--seed='], { code: 2, stdout: '', stderr: `${REFUSED} ""\nusage: tool\n` }],
])('%j', async (argv, end) => {
  expect(await startProgram(tool, argv, { cwd: directory }).ended).toMatchObject(end);
});
