// One rule per row of the import table (tools/repo-checks/src/import-table.json, explained in
// docs/architecture.md), and the rules that hold for all rows.
const table = require('./tools/repo-checks/src/import-table.json');

const WORKSPACE = '^(packages|apps|tools)/';
const testsOf = (member) => [`^${member}/(test|bench)/`, `^${member}/src/.*[.]test[.]ts$`];
const TEST = testsOf('[^/]+/[^/]+');
// The only thing that crosses packages by a relative path: the runner of README examples, used by tests.
const README_EXAMPLE = '^tools/repo-checks/src/readme-example\\.ts$';

/** Where the sources of an entry of the table lie: "slots", "broker-api/client", "tools/testkit", "*". */
function sourcesOf(entry) {
  if (entry === '*') return '^packages/';
  const [first, second] = entry.split('/');
  if (first === 'tools') return `^tools/${second}/`;
  return second === undefined ? `^packages/${first}/` : `^packages/${first}/src/${second}/`;
}

function ruleOf(folder, name, imports) {
  return {
    name: `${folder}/${name}`,
    comment: `${folder}/${name} may import: ${imports.join(', ') || 'no other package'}`,
    severity: 'error',
    from: { path: `^${folder}/${name}/`, pathNot: TEST },
    to: { path: WORKSPACE, pathNot: [`^${folder}/${name}/`, ...imports.map(sourcesOf)] },
  };
}

/** Tests may use testkit besides, unless testkit itself uses their package. */
function testRuleOf(folder, name, imports) {
  const isUnderTestkit = folder === 'packages' && table.tools.testkit.imports.includes(name);
  const allowed = isUnderTestkit ? imports : [...imports, 'tools/testkit'];
  return {
    ...ruleOf(folder, name, allowed),
    name: `${folder}/${name} tests`,
    comment: `tests of ${folder}/${name} may import: ${allowed.join(', ') || 'no other package'}`,
    from: { path: testsOf(`${folder}/${name}`) },
    to: {
      path: WORKSPACE,
      pathNot: [`^${folder}/${name}/`, ...allowed.map(sourcesOf), README_EXAMPLE],
    },
  };
}

const rows = ['packages', 'apps', 'tools'].flatMap((folder) =>
  Object.entries(table[folder]).flatMap(([name, { imports }]) => [
    ruleOf(folder, name, imports),
    testRuleOf(folder, name, imports),
  ]),
);

const externals = Object.entries(table.external).map(([name, importers]) => ({
  name: `external ${name}`,
  comment: `${name} may be imported by: ${importers.join(', ')}`,
  severity: 'error',
  from: { path: WORKSPACE, pathNot: [...importers, ...TEST] },
  to: { path: `(^|/)node_modules/${name}/` },
}));

const known = Object.keys(table.external).map((name) => `(^|/)node_modules/${name}/`);

module.exports = {
  forbidden: [
    ...rows,
    ...externals,
    {
      name: 'external unlisted',
      comment: 'a package outside the workspace has to be in the import table first',
      severity: 'error',
      from: { path: '^(packages|apps)/[^/]+/src/', pathNot: TEST },
      to: { path: '(^|/)node_modules/', pathNot: known },
    },
    {
      name: 'no-circular',
      comment: 'import cycles make load order matter, type-only ones included',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-relative-cross-package',
      comment: 'another package is imported by its name, through its published entry points',
      severity: 'error',
      from: { path: '^(packages|apps|tools)/([^/]+)/' },
      to: {
        path: WORKSPACE,
        pathNot: ['^$1/$2/', README_EXAMPLE],
        dependencyTypes: ['local'],
      },
    },
    {
      name: 'core-not-shell',
      comment: 'decisions are pure: core/ imports core/',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/core/', pathNot: TEST },
      to: { path: '^packages/[^/]+/src/(shell|node|client)/' },
    },
    {
      name: 'src-not-test',
      severity: 'error',
      from: { path: '/src/', pathNot: TEST },
      to: { path: TEST },
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      from: { path: WORKSPACE },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsConfig: { fileName: 'tsconfig.base.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@undermoon/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
