import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isInPath } from './redis-server.mjs';

/**
 * @typedef {object} Setting
 * @property {string} root
 * @property {NodeJS.ProcessEnv} env
 * @property {(text: string) => void} note
 * @property {boolean} isRoot
 */

/**
 * Puts etcd into .tools/etcd if there is none yet: out of Debian's package, which is unpacked and not installed,
 * so that no service starts. Only the tests of brokers on etcd need it: where it cannot be had, they are skipped.
 *
 * @param {Setting} setting
 */
export function fetchEtcd({ root, env, note, isRoot }) {
  const directory = path.join(root, '.tools', 'etcd');
  if (env.UNDERMOON_ETCD || isInPath('etcd', env) || existsSync(directory)) return;
  if (!isRoot || !isInPath('apt-get', env) || !isInPath('dpkg-deb', env)) {
    note('there is no etcd: the tests of brokers on etcd are skipped (UNDERMOON_ETCD names one)');
    return;
  }
  note('fetching etcd (apt-get download etcd-server)');
  mkdirSync(path.join(root, '.tools'), { recursive: true });
  const partial = mkdtempSync(path.join(root, '.tools', 'etcd.partial-'));
  try {
    if (!download(partial, env)) {
      note('apt-get could not fetch etcd-server: the tests of brokers on etcd are skipped');
      return;
    }
    // Renamed when whole, so that an interrupted fetch is not taken for a finished one.
    renameSync(path.join(partial, 'unpacked'), directory);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** @param {string} directory @param {NodeJS.ProcessEnv} env */
function download(directory, env) {
  const run = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
    spawnSync(command, args, { cwd: directory, env, encoding: 'utf8' }).status === 0;
  const fetch = () => run('apt-get', '-o', 'Acquire::Retries=3', 'download', 'etcd-server');
  if (!fetch() && !(run('apt-get', 'update', '-qq') && fetch())) return false;
  const [file] = readdirSync(directory).filter((name) => name.endsWith('.deb'));
  return file !== undefined && run('dpkg-deb', '-x', file, 'unpacked');
}
