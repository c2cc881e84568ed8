import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// Debian's redis-tools has no redis-server, but its RDB checker is the server's own binary, which looks at the
// name under which it is started. Installing that package starts no system service, unlike redis-server's.
const SERVER_NAMES = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb'];
const APT_ATTEMPTS_MAX = 3;

/**
 * @typedef {object} Setting
 * @property {string} root
 * @property {NodeJS.ProcessEnv} env
 * @property {(text: string) => void} note
 * @property {boolean} isRoot
 */

/**
 * Makes sure that a Redis server can be found: the one that UNDERMOON_ENGINE names, one in PATH, or (as root on
 * a system with apt) one that is installed now. Throws with the command to run when it can do nothing.
 *
 * @param {Setting} setting
 */
export function ensureRedisServer(setting) {
  const { env, note, isRoot } = setting;
  if (env.UNDERMOON_ENGINE) {
    if (isExecutable(env.UNDERMOON_ENGINE)) return;
    throw new Error(`UNDERMOON_ENGINE is ${env.UNDERMOON_ENGINE}, which is not a program`);
  }
  if (SERVER_NAMES.some((name) => isInPath(name, env))) return;
  if (!isRoot || !isInPath('apt-get', env)) throw new Error(INSTALL_HINT);
  note('installing a Redis server (apt-get install redis-tools)');
  installWithApt(setting);
  if (!SERVER_NAMES.some((name) => isInPath(name, env))) {
    throw new Error('redis-tools is installed, but brought no redis-check-rdb\n' + INSTALL_HINT);
  }
}

const INSTALL_HINT = `\
undermoon needs a Redis or Valkey server, and none is in PATH. Install one and run this again:

  Debian, Ubuntu   sudo apt-get install redis-tools     (starts no service)
  Fedora           sudo dnf install valkey
  macOS            brew install redis

Or name one that is elsewhere: UNDERMOON_ENGINE=/path/to/redis-server`;

/** @param {Setting} setting */
function installWithApt({ root, env, note }) {
  const options = {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: /** @type {const} */ ('utf8'),
  };
  const install = ['install', '-y', '-qq', '--no-install-recommends', 'redis-tools'];
  let log = '';
  for (let attempt = 1; attempt <= APT_ATTEMPTS_MAX; attempt += 1) {
    if (attempt > 1) note(`apt-get failed, trying again (${attempt} of ${APT_ATTEMPTS_MAX})`);
    for (const args of [['update', '-qq'], install]) {
      const result = spawnSync('apt-get', ['-o', 'Acquire::Retries=3', ...args], options);
      log += `$ apt-get ${args.join(' ')}\n${result.stdout ?? ''}${result.stderr ?? ''}\n`;
      if (result.error || result.status !== 0) break;
      if (args === install) return;
    }
  }
  const logPath = path.join(root, '.tools', 'apt.log');
  mkdirSync(path.dirname(logPath), { recursive: true });
  writeFileSync(logPath, log);
  throw new Error(
    `${log.slice(-2000)}\napt-get could not install redis-tools (whole log: ${logPath})\n\n${INSTALL_HINT}`,
  );
}

/**
 * Whether a program of this name can be started.
 *
 * @param {string} name @param {NodeJS.ProcessEnv} env
 */
export function isInPath(name, env) {
  return (env.PATH ?? '')
    .split(path.delimiter)
    .some((directory) => directory !== '' && isExecutable(path.join(directory, name)));
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
