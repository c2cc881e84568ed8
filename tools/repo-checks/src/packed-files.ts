import { builtinModules } from 'node:module';
import { problem, type Problem } from './problem.ts';

/** The fields of a packed package.json that the checks read. */
export interface PackedManifest {
  readonly name: string;
  readonly exports?: unknown;
  readonly bin?: Readonly<Record<string, string>> | string;
  readonly main?: string;
  readonly types?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const ALWAYS_PACKED = new Set(['package.json', 'README.md', 'LICENSE']);
const TEST_FILE =
  /(\.test|\.spec|\.bench)\.[cm]?[jt]sx?$|(^|\/)(test|tests|bench|__tests__|fixtures)\//;

/** Checks the list of packed files against what a package may publish, and its manifest's paths against the list. */
export function checkPackedFiles(manifest: PackedManifest, files: readonly string[]): Problem[] {
  const packed = new Set(files);
  const problems: Problem[] = [];
  for (const file of [...packed].toSorted()) {
    if (!isPublishable(file)) {
      problems.push(
        problem(
          file,
          'is packed, but only dist/, src/ without tests, package.json, README.md and LICENSE may be',
        ),
      );
    }
  }
  for (const required of ALWAYS_PACKED) {
    if (!packed.has(required)) problems.push(problem(required, 'is missing from the tarball'));
  }
  for (const [field, target] of manifestTargets(manifest)) {
    if (!packed.has(target.replace(/^\.\//, ''))) {
      problems.push(
        problem('package.json', `${field} points to ${target}, which is not in the tarball`),
      );
    }
  }
  return problems;
}

function isPublishable(file: string): boolean {
  if (ALWAYS_PACKED.has(file) || file === 'CHANGELOG.md') return true;
  return /^(dist|src)\//.test(file) && !TEST_FILE.test(file);
}

function manifestTargets(manifest: PackedManifest): [field: string, target: string][] {
  const targets: [string, string][] = [];
  const visit = (field: string, value: unknown): void => {
    if (typeof value === 'string') targets.push([field, value]);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value))
        visit(`${field}[${JSON.stringify(key)}]`, child);
    }
  };
  visit('exports', manifest.exports);
  visit('bin', manifest.bin);
  visit('main', manifest.main);
  visit('types', manifest.types);
  return targets;
}

const STATIC_IMPORT =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']/gm;

/**
 * Checks that a built file can run with nothing installed but the package's dependencies: a bundler leaves an
 * import of an undeclared package in place, and wraps a CommonJS package into a `require` that throws.
 */
export function checkBuiltFile(manifest: PackedManifest, file: string, source: string): Problem[] {
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies, [manifest.name]: '' };
  const problems: Problem[] = [];
  for (const match of source.matchAll(STATIC_IMPORT)) {
    const specifier = match[1] ?? match[2] ?? '';
    const name = packageNameOf(specifier);
    if (name !== null && !Object.hasOwn(declared, name)) {
      problems.push(
        problem(file, `imports ${name}, which package.json does not list in dependencies`),
      );
    }
  }
  if (source.includes('Dynamic require of')) {
    problems.push(
      problem(
        file,
        'bundles a CommonJS package that cannot run in it: list that package in dependencies',
      ),
    );
  }
  return problems;
}

/**
 * Finds dependencies that no built file names: a command bundles its libraries, so that only its build shows what
 * it needs. `built` holds the texts of the built files, type declarations included.
 */
export function checkDependenciesUsed(
  manifest: PackedManifest,
  built: readonly string[],
): Problem[] {
  return Object.keys(manifest.dependencies ?? {})
    .filter((name) => !built.some((text) => mentions(text, name)))
    .map((name) => problem('package.json', `${name} is a dependency that no built file uses`));
}

function mentions(text: string, name: string): boolean {
  return [`"${name}"`, `'${name}'`, `"${name}/`, `'${name}/`].some((quoted) =>
    text.includes(quoted),
  );
}

function packageNameOf(specifier: string): string | null {
  if (/^(\.|\/|node:|#)/.test(specifier) || builtinModules.includes(specifier)) return null;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? null);
}
