import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

/**
 * Puts the commands of one npm package first in env.PATH, after fetching it into .tools/<name>-<version> if it
 * is not there yet. A version that PATH has already is taken as it is.
 *
 * @param {object} options
 * @param {string} options.root
 * @param {string} options.name
 * @param {string} options.version
 * @param {NodeJS.ProcessEnv} options.env changed
 * @param {(text: string) => void} options.note
 */
export function fetchTool({ root, name, version, env, note }) {
  if (spawnSync(name, ['--version'], { env, encoding: 'utf8' }).stdout?.trim() === version) return;
  const directory = path.join(root, '.tools', `${name}-${version}`);
  if (!existsSync(directory)) {
    note(`fetching ${name} ${version}`);
    install(directory, `${name}@${version}`, env);
  }
  env.PATH = path.join(directory, 'node_modules', '.bin') + path.delimiter + (env.PATH ?? '');
}

/** @param {string} directory @param {string} spec @param {NodeJS.ProcessEnv} env */
function install(directory, spec, env) {
  // Renamed when whole, so that an interrupted fetch is not taken for a finished one.
  const partial = `${directory}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', ['install', '--prefix', partial, ...flags, spec], {
    env,
    encoding: 'utf8',
  });
  if (result.error || result.status !== 0) {
    rmSync(partial, { recursive: true });
    const reason = result.error?.message ?? `${result.stdout}${result.stderr}`;
    throw new Error(`${reason}\nnpm could not fetch ${spec}`);
  }
  if (existsSync(directory)) rmSync(partial, { recursive: true });
  else renameSync(partial, directory);
}
