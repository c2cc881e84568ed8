import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  checkBuiltFile,
  checkDependenciesUsed,
  checkPackedFiles,
  type PackedManifest,
} from './packed-files.ts';
import { renderProblem, type Problem } from './problem.ts';

/**
 * Packs the package in `packageDir` as it would be published, and checks the tarball: its file list, its
 * manifest (publint), the types of a library (attw) and the imports of the built files. Returns the exit code.
 */
export function checkPackage(packageDir: string): number {
  const scratch = mkdtempSync(path.join(tmpdir(), 'undermoon-pack-'));
  try {
    run(packageDir, 'pnpm', ['--silent', 'pack', '--pack-destination', scratch]);
    const tarball = path.join(
      scratch,
      readdirSync(scratch).find((name) => name.endsWith('.tgz')) ?? '',
    );
    run(scratch, 'tar', ['-xzf', tarball]);
    const problems = checkUnpacked(path.join(scratch, 'package'));
    for (const found of problems) console.error(renderProblem(found));
    run(packageDir, 'publint', ['run', tarball, '--strict']);
    if (isLibrary(packageDir)) {
      run(packageDir, 'attw', [
        tarball,
        '--no-emoji',
        '--format',
        'ascii',
        '--profile',
        'esm-only',
      ]);
    }
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function checkUnpacked(directory: string): Problem[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
  const manifest = readManifest(directory);
  const built = new Map(
    files
      .filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))
      .map((file) => [file, readFileSync(path.join(directory, file), 'utf8')]),
  );
  const scripts = [...built].filter(([file]) => file.endsWith('.js'));
  return [
    ...checkPackedFiles(manifest, files),
    ...scripts.flatMap(([file, source]) => checkBuiltFile(manifest, file, source)),
    ...checkDependenciesUsed(manifest, [...built.values()]),
  ];
}

function isLibrary(packageDir: string): boolean {
  const { exports } = readManifest(packageDir);
  return typeof exports === 'object' && exports !== null && '.' in exports;
}

function readManifest(directory: string): PackedManifest {
  return JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as PackedManifest;
}

class StepFailed extends Error {}

/** Runs quietly, and shows what the command printed only when it fails. */
function run(cwd: string, command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new StepFailed(
      `${result.stdout}${result.stderr}\n${command} ${args.join(' ')} failed in ${cwd}`,
    );
  }
}
