import { describe, expect, it } from 'vitest';
import { checkClassSizes } from './class-sizes.ts';
import { checkFileName } from './file-names.ts';
import { checkHotFile, checkHotFileList } from './hot-files.ts';
import { checkExportDocs, checkExports } from './index-exports.ts';
import { checkLockfile } from './lockfile.ts';
import { checkMarkdownLinks } from './markdown-links.ts';
import { renderProblem } from './problem.ts';
import { checkTestRejections } from './test-rejections.ts';
import { checkTestSleeps } from './test-sleeps.ts';

const lines = (count: number): string => '  // one line\n'.repeat(count);

describe('checkClassSizes', () => {
  it('accepts a class of 250 lines', () => {
    expect(checkClassSizes('a.ts', `export class A {\n${lines(248)}}\n`)).toEqual([]);
  });

  it('finds a class of 251 lines, with its line', () => {
    expect(
      checkClassSizes('a.ts', `\nexport class A {\n${lines(249)}}\n`).map(renderProblem),
    ).toEqual(['a.ts:2: A has 251 lines, at most 250 are allowed']);
  });
});

describe('checkHotFile', () => {
  it.each([
    ['await', 'async function f() { await g(); }'],
    ['for await', 'async function f(xs) { for await (const x of xs) g(x); }'],
    ['new Promise', 'function f() { return new Promise(g); }'],
    ['.then', 'function f(x) { x.then(g); }'],
    ['spread', 'function f(xs) { g(...xs); }'],
    ['spread', 'function f(xs) { return { ...xs }; }'],
    ['a function created inside a function', 'function f(xs) { xs.forEach((x) => g(x)); }'],
    ['a function created inside a function', 'class A { f() { return function () {}; } }'],
  ])('finds %s', (fault, source) => {
    expect(checkHotFile('hot.ts', source).map(renderProblem)).toEqual([
      `hot.ts:1: ${fault} in a hot file`,
    ]);
  });

  it('leaves top-level functions, methods, constructors and module initialisation alone', () => {
    const source = `
      const table = [...names].map((name) => name.length);
      class A { constructor() { this.onData = (bytes) => this.take(bytes); } take(bytes) { return bytes; } }
      function f(x) { return x + 1; }`;
    expect(checkHotFile('hot.ts', source)).toEqual([]);
  });

  it('leaves a function alone whose comment says why it is cold', () => {
    const source = (comment: string): string => `class A {
      ${comment}
      #grow() { return this.items.map((item) => item); }
    }`;
    expect(
      checkHotFile('hot.ts', source('// Cold path: the ring doubles a few times in its life.')),
    ).toEqual([]);
    expect(checkHotFile('hot.ts', source('// Doubles the ring.'))).toHaveLength(1);
  });
});

describe('checkHotFileList', () => {
  it('finds a file that is not there', () => {
    expect(checkHotFileList(['a.ts', 'b.ts'], ['a.ts']).map(({ message }) => message)).toEqual([
      'b.ts does not exist',
    ]);
  });
});

describe('checkFileName', () => {
  it.each([
    'packages/a/src/utils.ts',
    'packages/a/src/helpers/x.ts',
    'apps/a/src/types.test.ts',
    'tools/misc/run.mjs',
  ])('refuses %s', (path) => expect(checkFileName(path)).toHaveLength(1));

  it('accepts a name that holds a banned one', () => {
    expect(checkFileName('packages/a/src/common-prefix.ts')).toEqual([]);
  });
});

describe('checkExports', () => {
  it.each([`export * from './a.ts';`, `export * as a from './a.ts';`])('refuses %s', (source) => {
    expect(checkExports('packages/a/src/b.ts', source)).toHaveLength(1);
  });

  it('refuses anything but exports in an index.ts, and only there', () => {
    const source = `export { a } from './a.ts';\nexport const b = 1;\n`;
    expect(checkExports('packages/a/src/index.ts', source).map(renderProblem)).toEqual([
      'packages/a/src/index.ts:2: index.ts may hold nothing but a list of exports',
    ]);
    expect(checkExports('packages/a/src/b.ts', source)).toEqual([]);
  });
});

describe('checkExportDocs', () => {
  const index = `export { a, b as c } from './core/a.ts';\nexport type { T } from './core/a.ts';\n`;
  const check = (source: string): string[] =>
    checkExportDocs('packages/p/src/index.ts', index, (file) => {
      expect(file).toBe('packages/p/src/core/a.ts');
      return source;
    }).map(({ message }) => message.split(' ')[0] ?? '');

  it('accepts documented functions, constants and types', () => {
    expect(
      check(
        `/** A. */\nexport function a() {}\n/** B. */\nexport const b = 1;\n/** T. */\nexport type T = 1;`,
      ),
    ).toEqual([]);
  });

  it('finds names without a doc comment of their own', () => {
    expect(
      check(
        `/** The file. */\n\n// A.\nexport function a() {}\nexport const b = 1;\nexport interface T {}`,
      ),
    ).toEqual(['a', 'b', 'T']);
  });
});

describe('checkLockfile', () => {
  it('finds a host name', () => {
    const source = 'a@1:\n  resolution: {tarball: https://registry.example/a.tgz}\n';
    expect(checkLockfile('pnpm-lock.yaml', source).map(({ line }) => line)).toEqual([2]);
    expect(checkLockfile('pnpm-lock.yaml', 'a@1:\n  resolution: {integrity: sha512-x}\n')).toEqual(
      [],
    );
  });
});

describe('checkMarkdownLinks', () => {
  const files = ['docs/a.md', 'docs/decisions/1.md', 'README.md'];

  it('accepts files, folders, anchors and addresses', () => {
    const source =
      '[a](a.md#part) [b](decisions/) [c](../README.md) [d](#here) [e](https://example.org/x)';
    expect(checkMarkdownLinks('docs/b.md', source, files)).toEqual([]);
  });

  it('finds a link to nothing, outside of code', () => {
    const source = 'text\n```\n[no](link.md)\n```\n[gone](../docs/gone.md)\n';
    expect(checkMarkdownLinks('docs/b.md', source, files).map(renderProblem)).toEqual([
      'docs/b.md:5: links to ../docs/gone.md, which does not exist',
    ]);
  });
});

describe('checkTestSleeps', () => {
  it.each([
    `import { setTimeout } from 'node:timers/promises';`,
    'await new Promise((resolve) => setTimeout(resolve, 10));',
    'await new Promise(function (done) { setTimeout(done, 10); });',
  ])('finds %s', (source) => {
    expect(checkTestSleeps('a.test.ts', source).map(({ line }) => line)).toEqual([1]);
  });

  it('leaves a time limit alone', () => {
    const source = 'new Promise((resolve, reject) => { setTimeout(reject, 10); on(resolve); });';
    expect(checkTestSleeps('a.test.ts', source)).toEqual([]);
  });
});

describe('checkTestRejections', () => {
  const linesOf = (...body: readonly string[]): (number | null)[] => {
    const source = `test('x', async () => {\n${body.join('\n')}\n});\n`;
    return checkTestRejections('a.test.ts', source).map(({ line }) => line);
  };

  it('finds a promise that waits for its turn', () => {
    expect(
      linesOf(
        'const a = work();',
        'const b = work();',
        'await expect(a).rejects.toThrow();',
        'await expect(b).rejects.toThrow();',
      ),
    ).toEqual([3]);
    expect(
      linesOf('const a = work();', 'await close();', 'await expect(a).rejects.toThrow();'),
    ).toEqual([2]);
  });

  it.each([
    'const a = work(); await expect(a).rejects.toThrow();',
    'const a = work(); a.catch(() => undefined); await close(); await expect(a).rejects.toThrow();',
    'const a = () => work(); await close(); await expect(a).rejects.toThrow();',
    'const a = work(); await close(); expect(await a).toBe(1);',
    'const a = work(); later(async () => { await close(); }); await expect(a).rejects.toThrow();',
    'const [a] = await Promise.allSettled([work(), close()]); expect(a).toMatchObject({});',
  ])('leaves alone %s', (body) => {
    expect(linesOf(body)).toEqual([]);
  });
});
