// Every rule of .dependency-cruiser.cjs, by a made-up workspace in which every member imports every other: what
// dependency-cruiser finds there has to be exactly what import-table.json does not allow.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportTable } from '../src/package-graph.ts';

const repository = path.join(import.meta.dirname, '../../..');
const table = JSON.parse(
  readFileSync(path.join(repository, 'tools/repo-checks/src/import-table.json'), 'utf8'),
) as ImportTable & { external: Record<string, string[]> };

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

let root: string;
let violations: Violation[];

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

function addPackage(name: string, directory: string, exports: unknown): void {
  write(
    `${directory}/package.json`,
    JSON.stringify({ name, version: '0.1.0', type: 'module', exports }),
  );
  const link = path.join(root, 'node_modules', name);
  mkdirSync(path.dirname(link), { recursive: true });
  symlinkSync(path.join(root, directory), link);
}

const folders = ['packages', 'apps', 'tools'] as const;
const members = folders.flatMap((folder) =>
  Object.keys(table[folder]).map((name) => `${folder}/${name}`),
);
const specifierOf = (member: string): string => `@undermoon/${member.split('/')[1]}`;
const externals = Object.keys(table.external);
const imports = (specifiers: readonly string[]): string =>
  specifiers.map((specifier) => `import '${specifier}';\n`).join('');

beforeAll(() => {
  root = mkdtempSync(path.join(import.meta.dirname, '.import-rules-'));
  write('tsconfig.base.json', readFileSync(path.join(repository, 'tsconfig.base.json'), 'utf8'));
  for (const member of members) {
    addPackage(specifierOf(member), member, {
      '.': { '@undermoon/source': './src/index.ts', default: './dist/index.js' },
      './client': {
        '@undermoon/source': './src/client/index.ts',
        default: './dist/client/index.js',
      },
    });
    write(`${member}/src/index.ts`, 'export {};\n');
    write(`${member}/src/client/index.ts`, 'export {};\n');
  }
  for (const name of [...externals, 'left-pad']) {
    write(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
    );
    write(`node_modules/${name}/index.js`, '');
  }
  for (const member of members) {
    const others = members.filter((other) => other !== member);
    write(`${member}/src/all.ts`, imports([...others.map(specifierOf), ...externals, 'left-pad']));
    write(
      `${member}/src/client-only.ts`,
      imports(others.map((other) => `${specifierOf(other)}/client`)),
    );
    write(`${member}/src/all.test.ts`, imports(others.map(specifierOf)));
  }
  write('packages/failover/src/shell/proxy-connection.ts', imports(['ioredis']));
  write(
    'packages/slots/src/core/a.ts',
    imports(['../shell/b.ts', '../missing.ts', '../../../resp/src/index.ts']),
  );
  write('packages/slots/src/shell/b.ts', imports(['./c.ts', '../all.test.ts']));
  write('packages/slots/src/shell/c.ts', imports(['./b.ts']));

  const run = spawnSync(
    path.join(repository, 'node_modules/.bin/depcruise'),
    [
      '--config',
      path.join(repository, '.dependency-cruiser.cjs'),
      '--output-type',
      'json',
      'packages',
      'apps',
      'tools',
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  const output = JSON.parse(run.stdout) as { summary: { violations: Violation[] } };
  ({ violations } = output.summary);
});

afterAll(() => rmSync(root, { recursive: true }));

/** Folder and name of every member that one file was caught importing under one rule. */
function caught(rule: string, from: string): string[] {
  return violations
    .filter((violation) => violation.rule.name === rule && violation.from === from)
    .map(({ to }) => to.split('/').slice(0, 2).join('/'))
    .toSorted();
}

function allowedFor(member: string, isClientOnly: boolean): Set<string> {
  const [folder = '', name = ''] = member.split('/');
  const row = table[folder as (typeof folders)[number]][name];
  const allowed = new Set<string>();
  for (const entry of row?.imports ?? []) {
    if (entry === '*')
      members
        .filter((other) => other.startsWith('packages/'))
        .forEach((other) => allowed.add(other));
    else if (entry.startsWith('tools/')) allowed.add(entry);
    else if (!entry.includes('/')) allowed.add(`packages/${entry}`);
    else if (isClientOnly) allowed.add(`packages/${entry.split('/')[0]}`);
  }
  return allowed;
}

describe.each(members)('%s', (member) => {
  const others = members.filter((other) => other !== member);

  it('is caught importing what its row does not name, and nothing else', () => {
    const expected = (isClientOnly: boolean): string[] =>
      others.filter((other) => !allowedFor(member, isClientOnly).has(other)).toSorted();
    expect(caught(member, `${member}/src/all.ts`)).toEqual(expected(false));
    expect(caught(member, `${member}/src/client-only.ts`)).toEqual(expected(true));
  });

  it('may use testkit in its tests, unless testkit uses it', () => {
    const allowed = allowedFor(member, false);
    const isUnderTestkit = table.tools['testkit']?.imports.some(
      (name) => `packages/${name}` === member,
    );
    if (!isUnderTestkit) allowed.add('tools/testkit');
    expect(caught(`${member} tests`, `${member}/src/all.test.ts`)).toEqual(
      others.filter((other) => !allowed.has(other)).toSorted(),
    );
  });
});

describe.each(externals)('external package %s', (name) => {
  it('is caught wherever the table does not let it in', () => {
    const expected = members
      .map((member) => `${member}/src/all.ts`)
      .filter((file) => !table.external[name]?.some((importer) => new RegExp(importer).test(file)));
    const found = violations
      .filter(({ rule }) => rule.name === `external ${name}`)
      .map(({ from }) => from);
    expect(found.toSorted()).toEqual(expected.toSorted());
  });
});

describe('rules for all', () => {
  it.each([
    ['external unlisted', 'packages/resp/src/all.ts', 'node_modules/left-pad/index.js'],
    ['no-circular', 'packages/slots/src/shell/b.ts', 'packages/slots/src/shell/c.ts'],
    ['no-relative-cross-package', 'packages/slots/src/core/a.ts', 'packages/resp/src/index.ts'],
    ['core-not-shell', 'packages/slots/src/core/a.ts', 'packages/slots/src/shell/b.ts'],
    ['src-not-test', 'packages/slots/src/shell/b.ts', 'packages/slots/src/all.test.ts'],
    ['not-to-unresolvable', 'packages/slots/src/core/a.ts', '../missing.ts'],
  ])('%s', (rule, from, to) => {
    expect(violations.filter((violation) => violation.rule.name === rule)).toContainEqual(
      expect.objectContaining({ from, to }),
    );
  });

  it('has no rule that was not seen to fail here', () => {
    const printed = execFileSync(
      process.execPath,
      [
        '-p',
        `JSON.stringify(require('./.dependency-cruiser.cjs').forbidden.map(({ name }) => name))`,
      ],
      { cwd: repository, encoding: 'utf8' },
    );
    const failed = new Set(violations.map(({ rule }) => rule.name));
    expect((JSON.parse(printed) as string[]).filter((name) => !failed.has(name))).toEqual([]);
  });
});
