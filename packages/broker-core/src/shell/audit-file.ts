import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { auditEntryToJson, parseAuditEntry, type AuditEntry } from '@undermoon/broker-api';
import type { Logger } from '@undermoon/runtime';
import { makeFolders } from '@undermoon/runtime/node';
import { BrokerError, systemCodeOf } from '../errors.ts';
import { syncDirectory } from './persistence/durable-files.ts';

export interface AuditFileOptions {
  readonly path: string;
  /** Size above which a file is put aside as `<path>.1`, and those before it as `.2` and so on. */
  readonly bytesMax: number;
  /** Files kept, the present one included. */
  readonly filesMax: number;
  /** Bytes that wait to be written; above it entries are left out of the file, and the log says so. */
  readonly bufferBytesMax: number;
  readonly logger: Logger;
}

/** Entries of the audit log as lines of JSON in a file that is only appended to, synced, and put aside when it is large. */
export class AuditFile {
  readonly #options: AuditFileOptions;
  readonly #path: string;
  #handle: FileHandle | null = null;
  #size = 0;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #leftOut = 0;
  #writing: Promise<void> | null = null;

  constructor(options: AuditFileOptions) {
    this.#options = options;
    this.#path = resolve(options.path);
  }

  /** Opens the file and returns its latest entries, oldest first. Fails with AUDIT_UNREADABLE. */
  async open(entriesMax: number): Promise<AuditEntry[]> {
    try {
      makeFolders(dirname(this.#path));
      const entries = await this.#readBack(entriesMax);
      this.#handle = await this.#open();
      this.#size = (await this.#handle.stat()).size;
      await this.#endTornLine();
      return entries;
    } catch (cause) {
      const message = `audit file ${this.#path} cannot be opened: ${systemCodeOf(cause) || String(cause)}`;
      throw new BrokerError('AUDIT_UNREADABLE', message, { cause });
    }
  }

  /** Writes an entry soon: with the next sync, which begins when the one that runs has ended. */
  append(entry: AuditEntry): void {
    const line = `${JSON.stringify(auditEntryToJson(entry))}\n`;
    if (this.#waitingBytes + line.length > this.#options.bufferBytesMax) {
      this.#leftOut += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#writeAll();
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    await this.#writing;
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  async #writeAll(): Promise<void> {
    // Entries of the same turn are written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const bytes = this.#takeWaiting();
      try {
        await this.#write(bytes);
      } catch (error) {
        this.#options.logger.error({ path: this.#path, error }, 'audit file cannot be written');
      }
    }
    if (this.#leftOut > 0) {
      this.#options.logger.error({ entries: this.#leftOut }, 'audit file lacks entries');
      this.#leftOut = 0;
    }
    this.#writing = null;
  }

  // No more at a time than one file may have.
  #takeWaiting(): Buffer {
    let count = 0;
    let length = 0;
    for (const line of this.#waiting) {
      if (count > 0 && length + line.length > this.#options.bytesMax) break;
      count += 1;
      length += line.length;
    }
    this.#waitingBytes -= length;
    return Buffer.from(this.#waiting.splice(0, count).join(''));
  }

  async #write(bytes: Buffer): Promise<void> {
    const { bytesMax } = this.#options;
    if (this.#size > 0 && this.#size + bytes.length > bytesMax) await this.#rotate();
    this.#handle ??= await this.#open();
    await this.#handle.appendFile(bytes);
    this.#size += bytes.length;
    // One for all entries of the write: those that come meanwhile wait for the next one.
    await this.#handle.datasync();
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.#path, 'a');
    await syncDirectory(dirname(this.#path));
    return handle;
  }

  async #rotate(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
    const { filesMax } = this.#options;
    await rm(this.#aside(filesMax - 1), { force: true });
    for (let place = filesMax - 2; place >= 0; place--) {
      await renameIfThere(this.#aside(place), this.#aside(place + 1));
    }
    this.#size = 0;
  }

  // Newest file first, until there are enough entries.
  async #readBack(entriesMax: number): Promise<AuditEntry[]> {
    let entries: AuditEntry[] = [];
    for (let place = 0; place < this.#options.filesMax; place++) {
      if (entries.length >= entriesMax) break;
      const text = await readIfThere(this.#aside(place));
      if (text === null) break;
      entries = [...latestOf(text, entriesMax - entries.length), ...entries];
    }
    return entries;
  }

  // A crash may have cut the last line; what follows starts on a line of its own.
  async #endTornLine(): Promise<void> {
    if (this.#size === 0) return;
    const text = await readIfThere(this.#path);
    if (text === null || text.endsWith('\n')) return;
    await this.#write(Buffer.from('\n'));
  }

  #aside(place: number): string {
    return place === 0 ? this.#path : `${this.#path}.${place}`;
  }
}

// The last entries of a file. Those before them are not looked at: a file may have a hundred thousand.
function latestOf(text: string, entriesMax: number): AuditEntry[] {
  const found: AuditEntry[] = [];
  for (const line of text.split('\n').toReversed()) {
    if (found.length >= entriesMax) break;
    if (line !== '') found.push(...parseLine(line));
  }
  return found.toReversed();
}

// A line that is no entry, such as one that a crash cut off, is passed over.
function parseLine(line: string): AuditEntry[] {
  try {
    const entry = parseAuditEntry(JSON.parse(line));
    return entry === null ? [] : [entry];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}
