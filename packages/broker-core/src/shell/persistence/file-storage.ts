import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  type FileHandle,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDump } from '../../core/restore.ts';
import { BrokerError, systemCodeOf } from '../../errors.ts';
import { FileLock } from './file-lock.ts';
import type { MetaStorage } from './meta-storage.ts';
import { decodeStoreFile, encodeStoreFile } from './store-file.ts';

/**
 * Keeps the state in one file. A save writes a new file aside, syncs it, keeps the present one as
 * `<path>.prev`, renames the new one over it and syncs the directory: a crash leaves the old state or the
 * new one. A file that is damaged all the same is refused and left alone.
 */
export function fileStorage(path: string): MetaStorage {
  return new FileStorage(resolve(path));
}

class FileStorage implements MetaStorage {
  readonly #path: string;
  readonly #directory: string;
  #lock: FileLock | null = null;
  #hasFile = false;
  #saves = 0;

  constructor(path: string) {
    this.#path = path;
    this.#directory = dirname(path);
  }

  async load(): Promise<unknown> {
    try {
      await mkdir(this.#directory, { recursive: true });
      this.#lock = await FileLock.acquire(`${this.#path}.lock`);
      await this.#removeStray();
      return await this.#read();
    } catch (cause) {
      await this.close();
      if (cause instanceof BrokerError) throw cause;
      const message = `${this.#path}: cannot be opened: ${systemCodeOf(cause) || String(cause)}`;
      throw new BrokerError('STORE_UNREADABLE', message, { cause });
    }
  }

  async save(dump: unknown): Promise<void> {
    if (this.#lock === null) throw new BrokerError('NOT_RUNNING', `${this.#path} is not open`);
    await this.#lock.check();
    const aside = `${this.#path}.tmp-${process.pid}-${++this.#saves}`;
    try {
      await writeSynced(aside, encodeStoreFile(dump));
      if (this.#hasFile) await this.#keepPrevious();
      await rename(aside, this.#path);
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
    this.#hasFile = true;
    await syncDirectory(this.#directory);
  }

  async close(): Promise<void> {
    const lock = this.#lock;
    this.#lock = null;
    await lock?.release();
  }

  async #read(): Promise<unknown> {
    const bytes = await readIfThere(this.#path);
    if (bytes === null) {
      // A store that was here and is gone must not turn into an empty one.
      if ((await readIfThere(this.#previous)) === null) return null;
      throw await this.#refusal('is missing, though there is a previous one', undefined);
    }
    try {
      const dump = decodeStoreFile(bytes);
      checkDump(dump);
      this.#hasFile = true;
      return dump;
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      throw await this.#refusal(error.message, error);
    }
  }

  // The way out depends on whether the previous file is sound.
  async #refusal(reason: string, cause: unknown): Promise<BrokerError> {
    const previous = this.#previous;
    const advice = (await isSound(previous))
      ? `The state before the last change is in ${previous}, which is sound: ` +
        `to go on from it, copy it to ${this.#path} and start again.`
      : `There is no sound ${previous} to go on from.`;
    const message = `metadata file ${this.#path} ${reason}. Nothing was changed. ${advice}`;
    return new BrokerError('STORE_DAMAGED', message, { cause });
  }

  // Through a hard link, so that there is a file at the path at every moment.
  async #keepPrevious(): Promise<void> {
    const aside = `${this.#path}.tmp-prev`;
    await rm(aside, { force: true });
    try {
      await link(this.#path, aside);
    } catch (error) {
      if (!NO_HARD_LINKS.has(systemCodeOf(error))) throw error;
      await copyFile(this.#path, aside);
    }
    await rename(aside, this.#previous);
    // Renaming a link over another link to the same file does nothing and leaves both.
    await rm(aside, { force: true });
  }

  async #removeStray(): Promise<void> {
    const prefix = `${basename(this.#path)}.tmp-`;
    for (const name of await readdir(this.#directory)) {
      if (name.startsWith(prefix)) await rm(join(this.#directory, name), { force: true });
    }
  }

  get #previous(): string {
    return `${this.#path}.prev`;
  }
}

const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
const NO_DIRECTORY_SYNC: ReadonlySet<string> = new Set(['EPERM', 'EISDIR', 'EINVAL', 'EACCES']);

function checkDump(dump: unknown): void {
  const parsed = parseDump(dump);
  if (!parsed.ok) throw new BrokerError('STORE_DAMAGED', `is not usable (${parsed.message})`);
}

async function isSound(path: string): Promise<boolean> {
  const bytes = await readIfThere(path);
  if (bytes === null) return false;
  try {
    checkDump(decodeStoreFile(bytes));
    return true;
  } catch (error) {
    if (error instanceof BrokerError) return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function writeSynced(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

// Some systems cannot sync a directory; they order renames by themselves.
async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle | null = null;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(systemCodeOf(error))) throw error;
  } finally {
    await directory?.close();
  }
}
