import { describe, expect, it } from 'vitest';
import { checkManifests, type Manifest, type Member } from './manifests.ts';
import { checkImportTable, checkPackageGraph, type ImportTable } from './package-graph.ts';
import { renderProblem } from './problem.ts';

function member(folder: string, name: string, manifest: Manifest = {}): Member {
  return {
    folder,
    name,
    hasReadme: true,
    manifest: {
      name: folder === 'apps' ? name : `@undermoon/${name}`,
      version: '0.1.0',
      description: 'A package.',
      license: 'Apache-2.0',
      type: 'module',
      engines: { node: '>=20.19' },
      files: ['dist', 'src'],
      repository: { directory: `${folder}/${name}` },
      publishConfig: { access: 'public' },
      ...manifest,
    },
  };
}

describe('checkManifests', () => {
  it('accepts whole manifests', () => {
    const tool = member('tools', 'bench', { private: true, version: '0.0.0' });
    expect(checkManifests([member('packages', 'resp'), member('apps', 'undermoon'), tool])).toEqual(
      [],
    );
  });

  it.each<[string, Manifest]>([
    ['name must be @undermoon/resp', { name: 'resp' }],
    ['description is missing', { description: '' }],
    ['license must be Apache-2.0', { license: 'MIT' }],
    ['private keeps it from being published', { private: true }],
    ['type must be module', { type: 'commonjs' }],
    ['engines.node must be >=20.19', { engines: { node: '>=22' } }],
    ['files must include dist', { files: ['src'] }],
    ['repository.directory must be packages/resp', { repository: { directory: 'packages/slots' } }],
    ['publishConfig.access must be public', { publishConfig: {} }],
    ['undici is "^7.0.0": use "catalog:" or "workspace:*"', { dependencies: { undici: '^7.0.0' } }],
  ])('finds: %s', (message, manifest) => {
    expect(checkManifests([member('packages', 'resp', manifest)]).map(renderProblem)).toEqual([
      `packages/resp/package.json: ${message}`,
    ]);
  });

  it('finds a missing README, a second version and a tool that could be published', () => {
    expect(checkManifests([{ ...member('packages', 'resp'), hasReadme: false }])).toHaveLength(1);
    expect(
      checkManifests([
        member('packages', 'resp'),
        member('packages', 'slots', { version: '0.2.0' }),
      ]),
    ).toHaveLength(1);
    expect(checkManifests([member('tools', 'bench')])).toHaveLength(1);
  });
});

const table: ImportTable = {
  packages: {
    resp: { level: 0, imports: [] },
    slots: { level: 0, imports: [] },
    'broker-api': { level: 1, imports: ['slots'] },
    'proxy-core': { level: 2, imports: ['resp', 'slots'] },
  },
  apps: {
    'undermoon-proxy': { imports: ['proxy-core'] },
    undermoon: { imports: ['broker-api/client'], starts: ['undermoon-proxy'] },
  },
  tools: { testkit: { imports: ['resp'] }, bench: { imports: ['*'] } },
};

const all = [
  member('packages', 'resp'),
  member('packages', 'slots'),
  member('packages', 'broker-api'),
  member('packages', 'proxy-core'),
  member('apps', 'undermoon-proxy'),
  member('apps', 'undermoon'),
  member('tools', 'testkit'),
  member('tools', 'bench'),
];

/** The graph where one member has these dependencies, and nobody else has any. */
function graphWith(folder: string, name: string, manifest: Manifest): string[] {
  const members = all.map((each) =>
    each.folder === folder && each.name === name ? member(folder, name, manifest) : each,
  );
  return checkPackageGraph(members, table).map(renderProblem);
}

describe('checkPackageGraph', () => {
  it.each<[string, string, Manifest]>([
    [
      'packages',
      'proxy-core',
      { dependencies: { '@undermoon/resp': 'workspace:*', undici: 'catalog:' } },
    ],
    ['packages', 'proxy-core', { devDependencies: { '@undermoon/testkit': 'workspace:*' } }],
    [
      'apps',
      'undermoon',
      {
        dependencies: { 'undermoon-proxy': 'workspace:*', '@undermoon/broker-api': 'workspace:*' },
      },
    ],
    ['tools', 'bench', { dependencies: { '@undermoon/proxy-core': 'workspace:*' } }],
  ])('accepts what the table allows: %s/%s', (folder, name, manifest) => {
    expect(graphWith(folder, name, manifest)).toEqual([]);
  });

  it.each<[string, string, string, Manifest]>([
    ['a sibling', 'packages', 'resp', { dependencies: { '@undermoon/slots': 'workspace:*' } }],
    [
      'a package above',
      'packages',
      'slots',
      { devDependencies: { '@undermoon/proxy-core': 'workspace:*' } },
    ],
    ['an app', 'packages', 'proxy-core', { dependencies: { undermoon: 'workspace:*' } }],
    [
      'a program that it does not start',
      'apps',
      'undermoon-proxy',
      { dependencies: { undermoon: 'workspace:*' } },
    ],
    [
      'a tool at run time',
      'packages',
      'proxy-core',
      { dependencies: { '@undermoon/testkit': 'workspace:*' } },
    ],
    [
      'a tool that uses it',
      'packages',
      'resp',
      { devDependencies: { '@undermoon/testkit': 'workspace:*' } },
    ],
    ['another tool', 'tools', 'bench', { dependencies: { '@undermoon/testkit': 'workspace:*' } }],
  ])('refuses %s', (_what, folder, name, manifest) => {
    if (folder === 'tools') {
      // testkit is open to every member's tests, so only a run-time dependency is refused.
      expect(graphWith(folder, name, { devDependencies: manifest.dependencies ?? {} })).toEqual([]);
    }
    expect(graphWith(folder, name, manifest)).toHaveLength(1);
  });

  it('finds a member without a row', () => {
    const problems = checkPackageGraph([member('packages', 'new')], table).map(renderProblem);
    expect(problems).toEqual([
      'packages/new/package.json: has no row in tools/repo-checks/src/import-table.json',
    ]);
  });
});

describe('checkImportTable', () => {
  it('refuses a row that imports its own level or one above', () => {
    const packages = { ...table.packages, slots: { level: 0, imports: ['resp'] } };
    expect(checkImportTable('t.json', { ...table, packages }).map(renderProblem)).toEqual([
      't.json: slots imports resp, which is not on a lower level',
    ]);
    expect(checkImportTable('t.json', table)).toEqual([]);
  });
});
