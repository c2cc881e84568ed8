import { randomUUID } from 'node:crypto';
import { copyFile, link, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { metaStoreToJson, type MetaStore } from '@undermoon/broker-api';
import type { Logger } from '@undermoon/runtime';
import { makeFolders } from '@undermoon/runtime/node';
import { APPLY_VERSION } from '../../core/apply.ts';
import { BrokerError, systemCodeOf } from '../../errors.ts';
import { replaceFile } from './durable-files.ts';
import { FileLock } from './file-lock.ts';
import { LogFile } from './log-file.ts';
import { encodeLogRecord } from './log-records.ts';
import type { MetaStorage, StoreChange } from './meta-storage.ts';
import { recordOf } from './replay.ts';
import { encodeStoreFile } from './store-file.ts';
import { logPathOf, readStore, type FoundLog } from './store-reader.ts';

/** What a file storage works with. */
export interface FileStorageOptions {
  readonly path: string;
  /** Bytes of log after which a snapshot is written. */
  readonly logBytesMax: number;
  readonly logger: Logger;
}

// A log that cannot be replaced by a snapshot grows to this many times its size, then changes are refused.
const OVERDUE_FACTOR = 8;

/**
 * Keeps the state as a snapshot, `<path>`, and a log of the mutations since, `<path>.log-<first record>`. A
 * change is a record that is written and synced before it is answered. When the log is long enough, the
 * next one begins, and a snapshot is written in the background: aside, synced, renamed over the present
 * one, which stays as `<path>.prev`. The logs since that one stay as well, so either snapshot is enough.
 */
export function fileStorage(options: FileStorageOptions): MetaStorage {
  return new FileStorage({ ...options, path: resolve(options.path) });
}

class FileStorage implements MetaStorage {
  readonly #options: FileStorageOptions;
  #lock: FileLock | null = null;
  /** Null until there is a snapshot that names it. */
  #storeId: string | null = null;
  #hasFile = false;
  #state: MetaStore | null = null;
  #sequence = 0;
  #snapshotSequence = 0;
  #logs: readonly FoundLog[] = [];
  #log: LogFile | null = null;
  /** Of the logs that the snapshot does not include. */
  #loggedBytes = 0;
  #dueBytes: number;
  /** Of the record of the latest change, when it was refused; otherwise 0. */
  #refusedBytes = 0;
  #writing: Promise<void> | null = null;
  #files = 0;

  constructor(options: FileStorageOptions) {
    this.#options = options;
    this.#dueBytes = options.logBytesMax;
  }

  async load(): Promise<MetaStore | null> {
    const { path } = this.#options;
    try {
      makeFolders(dirname(path));
      this.#lock = await FileLock.acquire(`${path}.lock`);
      await this.#removeStray();
      return await this.#read();
    } catch (cause) {
      await this.#release();
      if (cause instanceof BrokerError) throw cause;
      const message = `${path}: cannot be opened: ${systemCodeOf(cause) || String(cause)}`;
      throw new BrokerError('STORE_UNREADABLE', message, { cause });
    }
  }

  async save(change: StoreChange): Promise<void> {
    if (this.#lock === null) {
      throw new BrokerError('NOT_RUNNING', `${this.#options.path} is not open`);
    }
    await this.#lock.check();
    const sequence = this.#sequence + 1;
    if (this.#storeId === null) {
      await this.#writeSnapshot(change.state, sequence);
    } else {
      await this.#appendChange(this.#storeId, sequence, change);
    }
    this.#sequence = sequence;
    this.#state = change.state;
    if (this.#loggedBytes >= this.#dueBytes) await this.#beginSnapshot();
  }

  // A broker that was stopped in order leaves no record to replay, so any version can go on from there.
  async close(): Promise<void> {
    await this.#writing;
    try {
      if (this.#lock !== null && this.#state !== null && this.#sequence > this.#snapshotSequence) {
        await this.#lock.check();
        await this.#writeSnapshot(this.#state, this.#sequence);
      }
    } catch (error) {
      // Everything is in the log.
      this.#options.logger.warn({ error }, 'snapshot could not be written');
    }
    await this.#release();
  }

  async #release(): Promise<void> {
    const lock = this.#lock;
    const log = this.#log;
    this.#lock = null;
    this.#log = null;
    await log?.close();
    await lock?.release();
  }

  async #read(): Promise<MetaStore | null> {
    const { path, logger } = this.#options;
    const found = await readStore(path);
    if (found === null) return null;
    const { snapshot, replayed, logs } = found;
    this.#hasFile = true;
    this.#storeId = snapshot.storeId;
    this.#state = replayed.state;
    this.#sequence = replayed.sequence;
    this.#snapshotSequence = snapshot.sequence;
    this.#logs = logs;
    const last = logs.at(-1);
    const isOpen = last?.applyVersion === APPLY_VERSION && last.lastSequence === this.#sequence;
    if (last !== undefined && isOpen) {
      if (last.soundBytes < last.bytes) {
        const bytes = last.bytes - last.soundBytes;
        logger.warn({ file: last.path, bytes }, 'log ends in a torn record, which is cut off');
      }
      this.#log = await LogFile.open(last.path, last.soundBytes);
    }
    this.#loggedBytes = logs
      .filter((log) => log.lastSequence > snapshot.sequence)
      .reduce((sum, log) => sum + log.soundBytes, 0);
    return replayed.state;
  }

  // Without a step it asks whether changes can be kept again: then it takes as much room as the one that was
  // refused. A full disk often has some for a shorter record, at the end of the log's last block.
  async #appendChange(storeId: string, sequence: number, change: StoreChange): Promise<void> {
    const isQuestion = change.steps.length === 0;
    const bytesMin = isQuestion ? this.#refusedBytes : 0;
    const record = encodeLogRecord(sequence, recordOf(change), bytesMin);
    if (!isQuestion) this.#refusedBytes = record.length;
    await this.#append(storeId, record);
    this.#refusedBytes = 0;
  }

  async #append(storeId: string, record: Buffer): Promise<void> {
    const { logBytesMax, path } = this.#options;
    if (this.#loggedBytes >= OVERDUE_FACTOR * logBytesMax) {
      await this.#beginSnapshot();
      await this.#writing;
    }
    if (this.#loggedBytes >= OVERDUE_FACTOR * logBytesMax) {
      const message = `${path}: the log is full, because no snapshot can be written`;
      throw new BrokerError('PERSISTENCE_IO_ERROR', message);
    }
    this.#log ??= await this.#createLog(storeId, this.#sequence + 1);
    await this.#log.append(record);
    this.#loggedBytes += record.length;
  }

  #createLog(storeId: string, start: number): Promise<LogFile> {
    const path = logPathOf(this.#options.path, start);
    return LogFile.create(path, this.#aside(), { applyVersion: APPLY_VERSION, storeId, start });
  }

  // The snapshot is written while changes go on into the next log.
  async #beginSnapshot(): Promise<void> {
    if (this.#writing !== null || this.#state === null || this.#storeId === null) return;
    this.#dueBytes = this.#loggedBytes + this.#options.logBytesMax;
    const state = this.#state;
    const sequence = this.#sequence;
    try {
      await this.#nextLog(this.#storeId);
    } catch (error) {
      this.#options.logger.warn({ error }, 'log could not be continued in a new file');
      return;
    }
    this.#writing = this.#writeSnapshot(state, sequence)
      .catch((error: unknown) => {
        this.#options.logger.warn({ error }, 'snapshot could not be written');
      })
      .finally(() => (this.#writing = null));
  }

  async #nextLog(storeId: string): Promise<void> {
    const previous = this.#log;
    this.#log = await this.#createLog(storeId, this.#sequence + 1);
    if (previous === null) return;
    const { path, bytes } = previous;
    const log = { path, soundBytes: bytes, bytes, applyVersion: APPLY_VERSION };
    this.#logs = [
      ...this.#logs.filter((known) => known.path !== path),
      { ...log, lastSequence: this.#sequence },
    ];
    await previous.close();
  }

  async #writeSnapshot(state: MetaStore, sequence: number): Promise<void> {
    const { path, logBytesMax } = this.#options;
    const storeId = this.#storeId ?? randomUUID();
    const loggedBytes = this.#loggedBytes;
    const bytes = encodeStoreFile(metaStoreToJson(state), storeId, sequence);
    await replaceFile(path, this.#aside(), bytes, async () => {
      if (this.#hasFile) await this.#keepPrevious();
    });
    const previousSequence = this.#storeId === null ? sequence : this.#snapshotSequence;
    this.#storeId = storeId;
    this.#hasFile = true;
    this.#snapshotSequence = sequence;
    this.#loggedBytes -= loggedBytes;
    this.#dueBytes = logBytesMax;
    await this.#removeLogs(previousSequence);
  }

  // What the previous snapshot includes is needed by none of the two.
  async #removeLogs(sequence: number): Promise<void> {
    for (const log of this.#logs.filter(({ lastSequence }) => lastSequence <= sequence)) {
      if (log.path === this.#log?.path) continue;
      await rm(log.path, { force: true });
      this.#logs = this.#logs.filter(({ path }) => path !== log.path);
    }
  }

  // Through a hard link, so that there is a file at the path at every moment.
  async #keepPrevious(): Promise<void> {
    const { path } = this.#options;
    const aside = `${path}.tmp-prev`;
    await rm(aside, { force: true });
    try {
      await link(path, aside);
    } catch (error) {
      if (!NO_HARD_LINKS.has(systemCodeOf(error))) throw error;
      await copyFile(path, aside);
    }
    await rename(aside, `${path}.prev`);
    // Renaming a link over another link to the same file does nothing and leaves both.
    await rm(aside, { force: true });
  }

  async #removeStray(): Promise<void> {
    const { path } = this.#options;
    const prefix = `${basename(path)}.tmp-`;
    for (const name of await readdir(dirname(path))) {
      if (name.startsWith(prefix)) await rm(join(dirname(path), name), { force: true });
    }
  }

  #aside(): string {
    return `${this.#options.path}.tmp-${process.pid}-${++this.#files}`;
  }
}

const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
