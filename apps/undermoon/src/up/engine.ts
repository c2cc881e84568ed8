import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

import { CommandError, errorCodeOf } from '../errors.ts';

/** A Redis or Valkey server. It has to be started under the name in `argv0`. */
export interface Engine {
  readonly file: string;
  readonly argv0: string;
  /** Such as `Redis 7.0.15`. */
  readonly version: string;
}

/** Where to look. */
export interface EngineSearch {
  /** The file that the person named, and by what: the option or the variable. */
  readonly named: { readonly file: string; readonly by: string } | null;
  /** The value of PATH. */
  readonly path: string;
}

// Debian's redis-tools has no redis-server, but its RDB checker is the server's own binary, which looks at
// the name under which it is started.
const CANDIDATES: readonly string[] = [
  'redis-server',
  'valkey-server',
  'redis-check-rdb',
  'valkey-check-rdb',
];

const VERSION_TIMEOUT_MS = 5000;
const VERSION_CHARS_MAX = 10_000;

/**
 * Finds a server: the named one, else the first in PATH.
 * @throws CommandError NO_ENGINE, with the commands that install one
 */
export async function findEngine(search: EngineSearch): Promise<Engine> {
  if (search.named !== null) {
    const { file, by } = search.named;
    const engine = await probeEngine(path.resolve(file));
    if (engine !== null) return engine;
    throw new CommandError('NO_ENGINE', `${by}: ${file} is not a Redis or Valkey server`);
  }
  for (const name of CANDIDATES) {
    for (const directory of search.path.split(path.delimiter)) {
      if (directory === '') continue;
      const engine = await probeEngine(path.join(directory, name));
      if (engine !== null) return engine;
    }
  }
  throw new CommandError('NO_ENGINE', INSTALL_HINT);
}

const INSTALL_HINT = `no Redis or Valkey server is in PATH. Install one and run this again:

  Debian, Ubuntu   sudo apt-get install redis-tools     (starts no service)
  Fedora           sudo dnf install valkey
  macOS            brew install redis

Or name one that is elsewhere: --engine /path/to/redis-server`;

async function probeEngine(file: string): Promise<Engine | null> {
  if (!isProgram(file)) return null;
  // Valkey's binary knows its tools by name too, and is a server under any other.
  const argv0 = path.basename(file).startsWith('valkey') ? 'valkey-server' : 'redis-server';
  const version = serverVersion(await versionText(file, argv0));
  return version === null ? null : { file, argv0, version };
}

function serverVersion(text: string): string | null {
  const found = /^(?<name>Redis|Valkey) server v=(?<version>\S+)/m.exec(text)?.groups;
  return found === undefined ? null : `${found['name']} ${found['version']}`;
}

// A program of another kind may do anything with this flag; whatever it does, it is no server.
function versionText(file: string, argv0: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(file, ['--version'], {
      argv0,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: VERSION_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      if (text.length < VERSION_CHARS_MAX) text += bytes.toString();
    });
    child.on('error', () => resolve(''));
    child.on('close', () => resolve(text));
  });
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch (error) {
    if (errorCodeOf(error) === '') throw error;
    return false;
  }
}
