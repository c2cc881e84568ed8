import { expect, it } from 'vitest';
import { findModules, moduleOfLine } from './built-modules.ts';

const SOURCE = `#!/usr/bin/env node
import fs from "node:fs";

// ../../packages/resp/src/request-scanner.ts
function scan() {}

// ../../node_modules/.pnpm/x@1.0.0/node_modules/x/dist/index.mjs
function x() {}
// a remark about a file.ts
`;

it('finds the module of a line', () => {
  const modules = findModules(new Map([['cli.js', SOURCE]]));
  expect(modules.get('cli.js')).toEqual([
    { line: 4, module: 'request-scanner' },
    { line: 7, module: 'index' },
  ]);
  expect([1, 4, 6, 8, 9].map((line) => moduleOfLine(modules, 'cli.js', line))).toEqual([
    null,
    'request-scanner',
    'request-scanner',
    'index',
    'index',
  ]);
  expect(moduleOfLine(modules, 'other.js', 5)).toBeNull();
});
