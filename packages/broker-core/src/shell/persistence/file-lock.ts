import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { BrokerError, systemCodeOf } from '../../errors.ts';

interface LockOwner {
  readonly pid: number;
  /** Tells a process from a later one with the same id; empty where the system does not say. */
  readonly started: string;
  readonly token: string;
}

const ATTEMPTS_MAX = 50;
const RETRY_DELAY_MS = 20;
// A takeover lasts for a few file operations; one that is older was killed in the middle.
const TAKEOVER_MS_MAX = 10_000;

/**
 * Keeps two brokers of one machine from using the same file. The lock is a file that names the process; one
 * left over by a process that is gone is taken over.
 */
export class FileLock {
  readonly #path: string;
  readonly #owner: LockOwner;

  private constructor(path: string, owner: LockOwner) {
    this.#path = path;
    this.#owner = owner;
  }

  /** Fails with STORE_LOCKED, naming the process that holds the lock. */
  static async acquire(path: string): Promise<FileLock> {
    const started = await startOf(process.pid);
    const owner: LockOwner = { pid: process.pid, started: started ?? '', token: randomUUID() };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await create(path, owner)) return new FileLock(path, owner);
      const holder = await readOwner(path);
      if (holder !== null && (await isAlive(holder))) {
        throw new BrokerError(
          'STORE_LOCKED',
          `${path}: the metadata file is used by process ${holder.pid}; stop it first`,
        );
      }
      if (!(await removeStale(path))) await delay(RETRY_DELAY_MS);
    }
    throw new BrokerError('STORE_LOCKED', `${path}: the lock changes hands all the time`);
  }

  /** Fails with STORE_LOCKED when the lock file was taken away or replaced. */
  async check(): Promise<void> {
    if ((await readOwner(this.#path))?.token === this.#owner.token) return;
    throw new BrokerError('STORE_LOCKED', `${this.#path}: the lock was taken by another process`);
  }

  async release(): Promise<void> {
    if ((await readOwner(this.#path))?.token === this.#owner.token) {
      await rm(this.#path, { force: true });
    }
  }
}

// The file appears with its content, so that nobody takes a lock being written for one left over.
async function create(path: string, owner: LockOwner): Promise<boolean> {
  const aside = `${path}.${owner.token}`;
  try {
    await writeFile(aside, JSON.stringify(owner), { flush: true });
    await link(aside, path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

// Null: there is no lock file, or no process can be read from it.
async function readOwner(path: string): Promise<LockOwner | null> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown;
    return isOwner(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError || systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function isOwner(value: unknown): value is LockOwner {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, started, token } = value as Partial<Record<keyof LockOwner, unknown>>;
  return Number.isInteger(pid) && typeof started === 'string' && typeof token === 'string';
}

async function isAlive(owner: LockOwner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (systemCodeOf(error) === 'ESRCH') return false;
    if (systemCodeOf(error) !== 'EPERM') throw error;
  }
  // The id may belong to a later process by now, above all in containers, where ids start at 1 each time.
  const started = await startOf(owner.pid);
  return started === null || owner.started === '' || started === owner.started;
}

// One process at a time may remove a lock, and looks again before it does: of two that found the same stale
// lock, the second one would otherwise remove the fresh lock of the first one.
async function removeStale(path: string): Promise<boolean> {
  const guard = `${path}.takeover`;
  try {
    await mkdir(guard);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
    await removeOldGuard(guard);
    return false;
  }
  try {
    const holder = await readOwner(path);
    if (holder === null || !(await isAlive(holder))) await rm(path, { force: true });
  } finally {
    await rmdir(guard);
  }
  return true;
}

async function removeOldGuard(guard: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(guard);
    if (Date.now() - mtimeMs > TAKEOVER_MS_MAX) await rmdir(guard);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}

// Boot and start time of a process as Linux tells them; null elsewhere.
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may contain spaces; the start time is field 22.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return `${boot.trim()}:${fields[19] ?? ''}`;
  } catch (error) {
    if (systemCodeOf(error) !== '') return null;
    throw error;
  }
}
