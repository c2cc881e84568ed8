import { open, type FileHandle } from 'node:fs/promises';
import { replaceFile } from './durable-files.ts';
import { encodeLogHead, type LogHead } from './log-records.ts';

/** A log that is appended to. A failed append is taken back before the next one. */
export class LogFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #soundBytes: number;
  #isClean = true;

  private constructor(path: string, handle: FileHandle, soundBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.#soundBytes = soundBytes;
  }

  /** Makes a log without records; one that is there is replaced. */
  static async create(path: string, aside: string, head: LogHead): Promise<LogFile> {
    const bytes = encodeLogHead(head);
    await replaceFile(path, aside, bytes);
    return new LogFile(path, await open(path, 'r+'), bytes.length);
  }

  /** Opens a log and cuts off what follows its last whole record. */
  static async open(path: string, soundBytes: number): Promise<LogFile> {
    const handle = await open(path, 'r+');
    const log = new LogFile(path, handle, soundBytes);
    try {
      if ((await handle.stat()).size !== soundBytes) await log.#cut();
      return log;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#soundBytes;
  }

  /** Writes and syncs. When it fails, nothing of it is kept. */
  async append(bytes: Buffer): Promise<void> {
    if (!this.#isClean) await this.#cut();
    try {
      this.#isClean = false;
      await writeAll(this.#handle, bytes, this.#soundBytes);
      await this.#handle.datasync();
      this.#isClean = true;
    } catch (error) {
      // At once, so that a change which was answered as failed does not come back after a crash. Where even
      // that fails, the next append begins with it.
      await this.#cut().catch(() => undefined);
      throw error;
    }
    this.#soundBytes += bytes.length;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #cut(): Promise<void> {
    await this.#handle.truncate(this.#soundBytes);
    await this.#handle.datasync();
    this.#isClean = true;
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = bytes.length - done;
    const { bytesWritten } = await handle.write(bytes, done, length, position + done);
    done += bytesWritten;
  }
}
