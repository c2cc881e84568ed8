import { accessSync, constants } from 'node:fs';
import path from 'node:path';

// Debian's redis-tools ships the server under the name of its RDB checker: one binary that looks at argv[0].
const ENGINE_NAMES = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb'];

/** A program that is a Redis server when it is started under the name `argv0`. */
export interface Engine {
  readonly path: string;
  readonly argv0: string;
}

/** The server to test with: $UNDERMOON_ENGINE, or the first of the known ones in $PATH. */
export function findEngine(env: NodeJS.ProcessEnv = process.env): Engine {
  if (env['UNDERMOON_ENGINE']) return engineAt(env['UNDERMOON_ENGINE']);
  const directories = (env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((directory) => directory !== '');
  for (const name of ENGINE_NAMES) {
    for (const directory of directories) {
      const candidate = path.join(directory, name);
      if (isExecutable(candidate)) return engineAt(candidate);
    }
  }
  throw new Error(
    `no Redis server found: set UNDERMOON_ENGINE to one, or put one of ${ENGINE_NAMES.join(', ')} in PATH`,
  );
}

/** The engine at a known path, started under the name that makes it a server. */
export function engineAt(enginePath: string): Engine {
  const isChecker = /-check-(rdb|aof)$/.test(path.basename(enginePath));
  return { path: enginePath, argv0: isChecker ? 'redis-server' : enginePath };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
