import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type ProgramEnd, type RunningProgram, startProgram } from './program.ts';

const run = promisify(execFile);

/** A folder with installed packages. It may be written to, and is removed when it is disposed of. */
export interface InstalledFolder {
  readonly directory: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A command that was installed from its own tarball into an otherwise empty folder. */
export interface PackedCommand extends InstalledFolder {
  /** The JavaScript file behind the command. */
  readonly file: string;
}

/**
 * Packs a command as it would be published and installs the tarball, together with those of the packages of this
 * repository that it depends on. The `dist` of each must have been built.
 */
export async function installPacked(
  packageDir: string,
  dependencyDirs: readonly string[] = [],
): Promise<PackedCommand> {
  const installed = await installTarballs([packageDir, ...dependencyDirs]);
  try {
    return { ...installed, file: await commandFile(packageDir, installed.directory) };
  } catch (error) {
    await installed[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Packs packages as they would be published and installs the tarballs into an otherwise empty folder. The `dist` of
 * each must have been built. `otherDirs` are folders of packages from elsewhere that are installed as they are.
 */
export async function installTarballs(
  packageDirs: readonly string[],
  otherDirs: readonly string[] = [],
): Promise<InstalledFolder> {
  const directory = await mkdtemp(path.join(tmpdir(), 'undermoon-packed-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    for (const cwd of packageDirs) {
      await run('pnpm', ['--silent', 'pack', '--pack-destination', directory], { cwd });
    }
    const tarballs = (await readdir(directory)).filter((name) => name.endsWith('.tgz'));
    await writeFile(path.join(directory, 'package.json'), '{ "private": true }\n');
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    const names = [...tarballs.map((name) => `./${name}`), ...otherDirs];
    await run('npm', ['install', ...quiet, ...names], { cwd: directory });
    return { directory, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** What a command that serves shows of itself once it is installed from its tarball. */
export interface PackedSights {
  readonly help: ProgramEnd;
  readonly version: ProgramEnd;
  /** Of `--print-config`. */
  readonly config: ProgramEnd;
  /** Its ready line. */
  readonly readyLine: string;
  /** Of a run that was asked to stop when it was ready. */
  readonly stopped: ProgramEnd;
}

/** Installs a command as `installPacked` does, runs it with each of its flags for people, and as a server. */
export async function tryPackedServer(packageDir: string): Promise<PackedSights> {
  await using packed = await installPacked(packageDir);
  const { directory: cwd, file } = packed;
  const start = (words: readonly string[]): RunningProgram => startProgram(file, words, { cwd });
  const help = await start(['--help']).ended;
  const version = await start(['--version']).ended;
  const config = await start(['--print-config']).ended;
  const program = start(['--address', '127.0.0.1:0']);
  const readyLine = await program.firstLine;
  program.kill('SIGTERM');
  return { help, version, config, readyLine, stopped: await program.ended };
}

async function commandFile(packageDir: string, directory: string): Promise<string> {
  const text = await readFile(path.join(packageDir, 'package.json'), 'utf8');
  const manifest: unknown = JSON.parse(text);
  const name = isNamed(manifest) ? manifest.name : '';
  const command = path.join(directory, 'node_modules', '.bin', name);
  try {
    return path.resolve(path.dirname(command), await readlink(command));
  } catch (error) {
    throw new Error(`the tarball of ${packageDir} holds no command: is it built?`, {
      cause: error,
    });
  }
}

function isNamed(value: unknown): value is { readonly name: string } {
  return (
    typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
  );
}
