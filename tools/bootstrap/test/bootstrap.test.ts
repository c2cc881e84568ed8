import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchEtcd } from '../etcd.mjs';
import { ensureRedisServer } from '../redis-server.mjs';
import { fetchTool } from '../tools.mjs';

let root: string;
let bin: string;
let notes: string[];
const note = (text: string): void => {
  notes.push(text);
};

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'undermoon-bootstrap-'));
  bin = path.join(root, 'bin');
  mkdirSync(bin);
  notes = [];
});
afterEach(() => rmSync(root, { recursive: true }));

/** Puts a shell script into the only folder of the made-up PATH. */
function addCommand(name: string, script: string): void {
  writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(bin, name), 0o755);
}

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ PATH: bin, ...more });

describe('fetchTool', () => {
  const npm = `
    /bin/echo "$*" >> "$LOG"
    while [ "$1" != --prefix ]; do shift; done
    /bin/mkdir -p "$2/node_modules/.bin"`;
  const fetch = (env: NodeJS.ProcessEnv): void =>
    fetchTool({ root, name: 'pnpm', version: '12.21.0', env, note });

  it('takes the version that PATH has', () => {
    addCommand('pnpm', 'echo 12.21.0');
    const env = environment();
    fetch(env);
    expect(env['PATH']).toBe(bin);
    expect(notes).toEqual([]);
  });

  it('fetches another version once, and puts it first in PATH', () => {
    addCommand('pnpm', 'echo 11.0.0');
    addCommand('npm', npm);
    const log = path.join(root, 'npm.log');
    for (let run = 0; run < 2; run += 1) {
      const env = environment({ LOG: log });
      fetch(env);
      const tool = path.join(root, '.tools/pnpm-12.21.0/node_modules/.bin');
      expect(env['PATH']).toBe(`${tool}${path.delimiter}${bin}`);
      expect(existsSync(tool)).toBe(true);
    }
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(notes).toEqual(['fetching pnpm 12.21.0']);
  });

  it('says what npm said when it fails, and leaves nothing half done', () => {
    addCommand('npm', 'echo no network >&2; exit 1');
    expect(() => fetch(environment())).toThrow(/no network[^]*npm could not fetch pnpm@12\.21\.0/);
    expect(readdirSync(path.join(root, '.tools'))).toEqual([]);
  });
});

describe('fetchEtcd', () => {
  const fetch = (env: NodeJS.ProcessEnv, isRoot = true): void =>
    fetchEtcd({ root, env, note, isRoot });
  const tool = (): string => path.join(root, '.tools/etcd/usr/bin/etcd');

  it('unpacks the package of Debian once, and installs nothing', () => {
    addCommand('apt-get', '/bin/echo "$*" >> "$LOG"; /bin/echo deb > etcd-server.deb');
    addCommand('dpkg-deb', '/bin/mkdir -p "$3/usr/bin"; /bin/echo etcd > "$3/usr/bin/etcd"');
    const log = path.join(root, 'apt.log');
    for (let run = 0; run < 2; run += 1) fetch(environment({ LOG: log }));
    expect(existsSync(tool())).toBe(true);
    expect(readFileSync(log, 'utf8')).toBe('-o Acquire::Retries=3 download etcd-server\n');
    expect(notes).toEqual(['fetching etcd (apt-get download etcd-server)']);
    expect(readdirSync(path.join(root, '.tools'))).toEqual(['etcd']);
  });

  it('says that tests are skipped where it cannot be had, and leaves nothing', () => {
    fetch(environment(), false);
    fetch(environment());
    addCommand('apt-get', 'exit 1');
    addCommand('dpkg-deb', 'exit 1');
    fetch(environment());
    expect(notes.filter((text) => text.includes('are skipped'))).toHaveLength(3);
    expect(readdirSync(path.join(root, '.tools'))).toEqual([]);
  });

  it('takes the one that is there', () => {
    fetch(environment({ UNDERMOON_ETCD: '/opt/etcd' }));
    addCommand('etcd', '');
    fetch(environment());
    expect(notes).toEqual([]);
  });
});

describe('ensureRedisServer', () => {
  const ensure = (env: NodeJS.ProcessEnv, isRoot = false): void =>
    ensureRedisServer({ root, env, note, isRoot });

  it.each(['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb'])(
    'is content with %s',
    (name) => {
      addCommand(name, 'exit 0');
      ensure(environment());
      expect(notes).toEqual([]);
    },
  );

  it('is content with the program that UNDERMOON_ENGINE names, and refuses one that is not there', () => {
    addCommand('my-redis', 'exit 0');
    ensure(environment({ UNDERMOON_ENGINE: path.join(bin, 'my-redis') }));
    expect(() => ensure(environment({ UNDERMOON_ENGINE: '/no/such/redis' }))).toThrow(
      /\/no\/such\/redis/,
    );
  });

  it('names the command to run where it cannot install', () => {
    addCommand('apt-get', 'exit 1');
    expect(() => ensure(environment())).toThrow(
      /apt-get install redis-tools[^]*dnf install valkey[^]*brew install redis/,
    );
  });

  describe('with apt-get, as root', () => {
    it('installs redis-tools after a failed attempt', () => {
      addCommand(
        'apt-get',
        `/bin/echo "$*" >> "$LOG"
        if [ ! -e "$LOG.seen" ]; then : > "$LOG.seen"; exit 100; fi
        case "$*" in *install*) : > ${bin}/redis-check-rdb; /bin/chmod 755 ${bin}/redis-check-rdb;; esac`,
      );
      const log = path.join(root, 'apt.log');
      ensure(environment({ LOG: log }), true);
      const calls = readFileSync(log, 'utf8').trim().split('\n');
      expect(calls.map((call) => /update|install/.exec(call)?.[0])).toEqual([
        'update',
        'update',
        'install',
      ]);
      expect(calls.at(-1)).toContain('--no-install-recommends redis-tools');
      expect(notes).toHaveLength(2);
    });

    it('gives up with the log and the command to run', () => {
      addCommand('apt-get', 'echo unable to fetch; exit 100');
      expect(() => ensure(environment(), true)).toThrow(
        /unable to fetch[^]*could not install[^]*brew install redis/,
      );
      expect(
        readFileSync(path.join(root, '.tools/apt.log'), 'utf8').match(/unable to fetch/g),
      ).toHaveLength(3);
    });
  });
});

describe('runInPlace', () => {
  /** Starts a wrapper around a child that runs `source`, and awaits the child's first line. */
  async function startWrapper(
    source: string,
  ): Promise<{ wrapper: ReturnType<typeof spawn>; output: () => string }> {
    const child = path.join(root, 'child.mjs');
    const wrapperFile = path.join(root, 'wrapper.mjs');
    writeFileSync(child, `setInterval(() => undefined, 1000);\n${source}\nconsole.log('started');`);
    writeFileSync(
      wrapperFile,
      `import { runInPlace } from ${JSON.stringify(path.join(import.meta.dirname, '../run-child.mjs'))};
      runInPlace(process.execPath, [${JSON.stringify(child)}], process.env);`,
    );
    const wrapper = spawn(process.execPath, [wrapperFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    wrapper.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await once(wrapper.stdout, 'data');
    return { wrapper, output: () => output };
  }

  it('passes a doubled Ctrl-C on once, waits for the end and takes over the exit code', async () => {
    const { wrapper, output } = await startWrapper(`
      process.on('SIGINT', () => {
        console.log('interrupted');
        setTimeout(() => { console.log('cleaned up'); process.exit(7); }, 50);
      });`);
    const closed = once(wrapper, 'close');
    wrapper.kill('SIGINT');
    wrapper.kill('SIGINT');
    expect(await closed).toEqual([7, null]);
    expect(output()).toBe('started\ninterrupted\ncleaned up\n');
  });

  it('ends by the signal that ended the child', async () => {
    const { wrapper } = await startWrapper('');
    const closed = once(wrapper, 'close');
    wrapper.kill('SIGTERM');
    expect(await closed).toEqual([null, 'SIGTERM']);
  });

  it('takes over the exit code of a child that ends by itself', async () => {
    const { wrapper } = await startWrapper('setImmediate(() => process.exit(3));');
    expect(await once(wrapper, 'close')).toEqual([3, null]);
  });
});
