// The rules of .oxlintrc.json that carry the architecture, each by a file that breaks it and one that does not.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = path.join(import.meta.dirname, '../../..');

/** File, text, and the rule that has to find it; null: nothing may be found. */
const cases: readonly (readonly [file: string, text: string, rule: string | null])[] = [
  [
    'packages/a/src/core/clock.ts',
    'export const now: number = Date.now();\n',
    'no-restricted-globals',
  ],
  ['packages/a/src/core/timer.ts', 'setTimeout(String, 1);\nexport {};\n', 'no-restricted-globals'],
  [
    'packages/a/src/core/dice.ts',
    'export const n: number = Math.random();\n',
    'no-restricted-properties',
  ],
  ['packages/a/src/core/files.ts', `import 'node:fs';\n`, 'no-restricted-imports'],
  ['packages/a/src/core/fp.ts', `import 'node:fs/promises';\n`, 'no-restricted-imports'],
  ['packages/a/src/core/shell.ts', `import '../shell/x.ts';\n`, 'no-restricted-imports'],
  [
    'packages/a/src/core/client.ts',
    `import '@undermoon/broker-api/client';\n`,
    'no-restricted-imports',
  ],
  ['packages/a/src/core/node.ts', `import '@undermoon/runtime/node';\n`, 'no-restricted-imports'],
  ['packages/resp/src/scan.ts', `import 'node:net';\n`, 'no-restricted-imports'],
  [
    'packages/slots/src/scan.ts',
    'export const n: number = performance.now();\n',
    'no-restricted-globals',
  ],
  ['packages/cluster-meta/src/umctl/plain.ts', `import 'node:zlib';\n`, 'no-restricted-imports'],
  [
    'packages/cluster-meta/src/umctl/compress.ts',
    `import { gzipSync } from 'node:zlib';\nexport const zip: unknown = gzipSync;\n`,
    null,
  ],
  [
    'packages/a/src/core/fine.ts',
    `import assert from 'node:assert/strict';\nimport { Buffer } from 'node:buffer';\nassert.ok(Buffer);\n`,
    null,
  ],
  [
    'packages/a/src/core/fine.test.ts',
    `import { statSync } from 'node:fs';\nexport const now: unknown = [statSync, Date.now()];\n`,
    null,
  ],
  [
    'packages/a/src/shell/fine.ts',
    `import { statSync } from 'node:fs';\nexport const now: unknown = [statSync, Date.now()];\n`,
    null,
  ],
  ['packages/a/src/shell/barrel.ts', `import '../index.ts';\n`, 'no-restricted-imports'],
  ['packages/a/src/shell/print.ts', `console.log(1);\nexport {};\n`, 'no-console'],
  [
    'packages/a/src/shell/env.ts',
    `export const home: unknown = process.env['HOME'];\n`,
    'no-process-env',
  ],
  [
    'apps/a/src/env.ts',
    `export const home: unknown = process.env['HOME'];\nconsole.log(home);\n`,
    null,
  ],
  ['packages/a/src/shell/default.ts', `export default 1;\n`, 'no-default-export'],
  ['packages/a/vitest.config.ts', `export default {};\n`, null],
  ['packages/a/src/shell/any.ts', `export const a = (x: any): any => x;\n`, 'no-explicit-any'],
  ['packages/a/src/shell/ts.ts', `// @ts-ignore\nexport const a = 1;\n`, 'ban-ts-comment'],
  [
    'packages/a/src/shell/bang.ts',
    `export const a = (x: string[]): string => x[0]!;\n`,
    'no-non-null-assertion',
  ],
  [
    'packages/resp/src/request-scanner.ts',
    `export const a = (x: string[]): string => x[0]!;\n`,
    null,
  ],
  [
    'packages/a/src/shell/type.ts',
    `import { A } from './a.ts';\nexport type B = A;\n`,
    'consistent-type-imports',
  ],
  ['packages/a/src/shell/builtin.ts', `import 'fs';\n`, 'prefer-node-protocol'],
  ['packages/a/src/shell/BadName.ts', `export const a = 1;\n`, 'filename-case'],
  ['packages/a/src/shell/later.ts', `// TODO: think\nexport const a = 1;\n`, 'no-warning-comments'],
  [
    'packages/a/src/shell/many.ts',
    `export const f = (a: 1, b: 1, c: 1, d: 1, e: 1): unknown => [a, b, c, d, e];\n`,
    'max-params',
  ],
  [
    'packages/a/src/shell/long.ts',
    `export const a = 1;\n// line\n${'// line\n'.repeat(400)}`,
    'max-lines',
  ],
  [
    'packages/a/src/shell/long.test.ts',
    `export const a = 1;\n// line\n${'// line\n'.repeat(400)}`,
    null,
  ],
  [
    'packages/a/src/shell/long-function.ts',
    `export function f(): void {\n${'  String(1);\n'.repeat(70)}}\n`,
    'max-lines-per-function',
  ],
  [
    'packages/a/src/shell/deep.ts',
    `export function f(a: boolean): void {\n  if (a) { if (a) { if (a) { if (a) { if (a) { String(a); } } } } }\n}\n`,
    'max-depth',
  ],
  [
    'packages/a/src/shell/one.ts',
    `import { two } from './two.ts';\nexport const one: number = two;\n`,
    'no-cycle',
  ],
  [
    'packages/a/src/shell/two.ts',
    `import { one } from './one.ts';\nexport const two: number = one;\n`,
    'no-cycle',
  ],
  [
    'packages/a/src/shell/floating.ts',
    `export function f(): void {\n  Promise.resolve(1);\n}\n`,
    'no-floating-promises',
  ],
  [
    'packages/a/src/shell/unsafe.ts',
    `export const f = (text: string): number => JSON.parse(text).length;\n`,
    'no-unsafe-member-access',
  ],
  [
    'packages/a/src/shell/foreign.ts',
    `export const f = (x: unknown): string[] => x as string[];\n`,
    'no-unsafe-type-assertion',
  ],
  [
    'packages/a/src/skipped.test.ts',
    `import { it } from 'vitest';\nit.only('a', () => undefined);\n`,
    'no-focused-tests',
  ],
];

let root: string;
const found = new Map<string, string[]>();

beforeAll(() => {
  root = mkdtempSync(path.join(import.meta.dirname, '.lint-rules-'));
  cpSync(path.join(repository, '.oxlintrc.json'), path.join(root, '.oxlintrc.json'));
  writeFileSync(
    path.join(root, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noUncheckedIndexedAccess: true,
        module: 'NodeNext',
        target: 'ES2023',
        types: ['node'],
      },
    }),
  );
  for (const [file, text] of cases) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  const run = spawnSync(
    path.join(repository, 'node_modules/.bin/oxlint'),
    ['--type-aware', '--format=json', '.'],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  );
  const { diagnostics } = JSON.parse(run.stdout) as {
    diagnostics: { code?: string; filename: string }[];
  };
  for (const { code = '', filename } of diagnostics) {
    const rule = /\((.*)\)$/.exec(code)?.[1] ?? code;
    found.set(filename, [...(found.get(filename) ?? []), rule]);
  }
});

afterAll(() => rmSync(root, { recursive: true }));

describe('.oxlintrc.json', () => {
  it.each(cases)('%s', (file, _text, rule) => {
    if (rule === null) expect(found.get(file) ?? []).toEqual([]);
    else expect(found.get(file)).toContain(rule);
  });

  it('lets the same files use "!" that repo-checks holds to the rules of hot files', () => {
    const { overrides } = JSON.parse(
      readFileSync(path.join(repository, '.oxlintrc.json'), 'utf8'),
    ) as {
      overrides: { files: string[]; rules: Record<string, unknown> }[];
    };
    const { hotFiles } = JSON.parse(
      readFileSync(path.join(repository, 'tools/repo-checks/src/hot-files.json'), 'utf8'),
    ) as { hotFiles: string[] };
    const lenient = overrides.find(
      ({ rules }) => rules['max-params'] === 'off' && 'typescript/no-non-null-assertion' in rules,
    );
    expect(lenient?.files).toEqual(hotFiles);
  });
});
