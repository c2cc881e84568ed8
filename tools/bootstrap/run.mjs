#!/usr/bin/env node
// `npm start` and `npm test` on a machine that has only Node.js and npm. Fetches pnpm (and, for
// UNDERMOON_NODE=24.21.0, that Node.js) from the npm registry into .tools/, installs from the lockfile, makes
// sure that there is a Redis server, and then builds and runs. Every later run finds these things in place.
//
// Uses nothing but Node.js itself: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchEtcd } from './etcd.mjs';
import { ensureRedisServer } from './redis-server.mjs';
import { runInPlace } from './run-child.mjs';
import { fetchTool } from './tools.mjs';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const startedAt = Date.now();

/** @param {string} text */
function note(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1).padStart(5);
  // On stderr, so that `npm start --silent -- --json` has only the program's own output on stdout.
  console.error(`[${seconds} s] ${text}`);
}

/** @param {string} text @returns {never} */
function giveUp(text) {
  console.error(`\n${text}`);
  process.exit(1);
}

/** @param {NodeJS.ProcessEnv} env */
function installDependencies(env) {
  note('installing dependencies');
  const args = [
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
    '--config.confirmModulesPurge=false',
  ];
  runQuietly(
    'pnpm',
    [...args, '--reporter=append-only'],
    env,
    'pnpm could not install the dependencies',
  );
}

/**
 * Runs a command that is only of interest when it fails.
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env @param {string} failure
 */
function runQuietly(command, args, env, failure) {
  const result = spawnSync(command, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.error) giveUp(`${failure}: ${result.error.message}`);
  if (result.status !== 0) giveUp(`${result.stdout}${result.stderr}\n${failure}`);
}

/** @param {NodeJS.ProcessEnv} env */
function test(env) {
  const checks = [
    ['build', 'building'],
    ['typecheck', 'checking types'],
    ['lint', 'linting: rules, import graph, repository checks'],
    ['check:format', 'checking the format'],
    ['check:packages', 'checking the packages as they would be published'],
    ['check:unused', 'looking for unused files, exports and dependencies'],
  ];
  for (const [script = '', title = ''] of checks) {
    note(title);
    const status = run('pnpm', ['run', '--silent', script], env);
    if (status !== 0) giveUp(`npm test: ${title} failed (to repeat it: pnpm run ${script})`);
  }
  note('comparing the speed of the proxy with that of the last published measurement');
  if (run('pnpm', ['run', '--silent', 'bench', 'guard'], env) !== 0) {
    giveUp('npm test: the proxy has become slower (to repeat it: pnpm bench guard)');
  }
  note('running the tests');
  // Nothing is printed after this: the last line of the output is the count of tests.
  process.exitCode = run('pnpm', ['exec', 'vitest', 'run'], env);
}

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env @returns {number} exit code */
function run(command, args, env) {
  const result = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' });
  if (result.error) giveUp(`${command} could not be run: ${result.error.message}`);
  return result.status ?? 1;
}

/** @param {NodeJS.ProcessEnv} env @param {string[]} args */
function start(env, args) {
  note(
    existsSync(path.join(root, 'apps/undermoon/dist/cli.js'))
      ? 'building what changed'
      : 'building',
  );
  runQuietly(
    'pnpm',
    ['exec', 'nx', 'run-many', '-t', 'build', '-p', 'tag:type:app'],
    env,
    'the build failed',
  );
  note(`undermoon up ${args.join(' ')}`.trimEnd());
  runInPlace('node', [path.join(root, 'apps/undermoon/dist/cli.js'), 'up', ...args], env);
}

/** @returns {NodeJS.ProcessEnv} */
function prepare() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    giveUp(`undermoon needs Node.js 20.19 or later; this is ${process.versions.node}`);
  }
  const env = { ...process.env };
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const pnpmVersion = String(manifest.packageManager).replace(/^pnpm@/, '');
  try {
    if (env.UNDERMOON_NODE) {
      fetchTool({
        root,
        name: `node-${process.platform}-${process.arch}`,
        version: env.UNDERMOON_NODE,
        env,
        note,
      });
    }
    fetchTool({ root, name: 'pnpm', version: pnpmVersion, env, note });
    installDependencies(env);
    ensureRedisServer({ root, env, note, isRoot: process.getuid?.() === 0 });
  } catch (error) {
    giveUp(error instanceof Error ? error.message : String(error));
  }
  return env;
}

const [what, ...rest] = process.argv.slice(2);
if (what === 'test') {
  const env = prepare();
  fetchEtcd({ root, env, note, isRoot: process.getuid?.() === 0 });
  test(env);
} else if (what === 'start') start(prepare(), rest);
else giveUp('usage: node tools/bootstrap/run.mjs start|test');
