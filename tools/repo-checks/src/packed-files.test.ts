import { describe, expect, it } from 'vitest';
import { checkBuiltFile, checkDependenciesUsed, checkPackedFiles } from './packed-files.ts';
import { renderProblem } from './problem.ts';

const manifest = {
  name: '@undermoon/a',
  exports: {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
  dependencies: { undici: '7.30.2' },
};
const whole = [
  'package.json',
  'README.md',
  'LICENSE',
  'dist/index.js',
  'dist/index.d.ts',
  'src/index.ts',
];

describe('checkPackedFiles', () => {
  it('accepts dist, sources, manifest, readme and licence', () => {
    expect(checkPackedFiles(manifest, whole)).toEqual([]);
  });

  it.each([
    'src/core/route.test.ts',
    'src/test/peer.ts',
    'bench/route.ts',
    'tsup.config.ts',
    'dist/fixtures/a.json',
  ])('refuses %s', (file) => {
    expect(checkPackedFiles(manifest, [...whole, file]).map(({ path }) => path)).toEqual([file]);
  });

  it.each(['package.json', 'README.md', 'LICENSE'])('misses %s', (file) => {
    const problems = checkPackedFiles(
      manifest,
      whole.filter((other) => other !== file),
    ).map(renderProblem);
    expect(problems).toContain(`${file}: is missing from the tarball`);
  });

  it('finds an export and a command without a file', () => {
    const broken = { ...manifest, bin: { a: './dist/cli.js' } };
    const problems = checkPackedFiles(
      broken,
      whole.filter((file) => file !== 'dist/index.d.ts'),
    );
    expect(problems.map(renderProblem)).toEqual([
      'package.json: exports["."]["types"] points to ./dist/index.d.ts, which is not in the tarball',
      'package.json: bin["a"] points to ./dist/cli.js, which is not in the tarball',
    ]);
  });
});

describe('checkBuiltFile', () => {
  it('accepts builtins, own files and declared packages', () => {
    const source = `import { a } from "node:fs";\nimport path from 'path';\nimport "./chunk.js";\nimport { request } from 'undici';\n`;
    expect(checkBuiltFile(manifest, 'dist/index.js', source)).toEqual([]);
  });

  it('finds an import of an undeclared package', () => {
    const source = `import {\n  a,\n} from "@scope/b/deep";\nexport { c } from 'cac';\n`;
    expect(checkBuiltFile(manifest, 'dist/index.js', source).map(renderProblem)).toEqual([
      'dist/index.js: imports @scope/b, which package.json does not list in dependencies',
      'dist/index.js: imports cac, which package.json does not list in dependencies',
    ]);
  });

  it('finds a bundled CommonJS package', () => {
    const source = `throw Error('Dynamic require of "' + x + '" is not supported');`;
    expect(checkBuiltFile(manifest, 'dist/cli.js', source)).toHaveLength(1);
  });
});

describe('checkDependenciesUsed', () => {
  it('accepts a dependency of a script, of a type declaration, or by a path inside it', () => {
    for (const text of [
      `import { a } from "undici";`,
      `import { A } from 'undici';`,
      `import("undici/a")`,
    ]) {
      expect(checkDependenciesUsed(manifest, ['', text])).toEqual([]);
    }
  });

  it('finds a dependency that nothing names', () => {
    expect(checkDependenciesUsed(manifest, [`import "undici-types";`]).map(renderProblem)).toEqual([
      'package.json: undici is a dependency that no built file uses',
    ]);
  });
});
