import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCodeOf } from '../../errors.ts';

const NO_DIRECTORY_SYNC: ReadonlySet<string> = new Set(['EPERM', 'EISDIR', 'EINVAL', 'EACCES']);

/** The content of a file, or null when there is none. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Puts a file in its place as a whole: written to `aside` and synced, then renamed, then the directory is
 * synced. `beforeRename` runs in between. A failure leaves nothing aside.
 */
export async function replaceFile(
  path: string,
  aside: string,
  bytes: Buffer,
  beforeRename: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  try {
    await writeSynced(aside, bytes);
    await beforeRename();
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
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

/** Makes new names in a directory durable. Some systems cannot; they order renames by themselves. */
export async function syncDirectory(path: string): Promise<void> {
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
