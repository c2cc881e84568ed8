import { FrameWords } from '@undermoon/cluster-meta';
import { RequestScanner, type RespLimits } from '@undermoon/resp';

/**
 * A command for the control side: a copy of its frame and where the words are in it. Metadata has tens of
 * thousands of words, so there is no object for each until somebody asks for them.
 */
export class ControlRequest {
  readonly frame: Buffer;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  /** Copies the frame that was scanned last, `bytes[start, end)`. */
  constructor(scanner: RequestScanner, bytes: Buffer, start: number, end: number) {
    const { argc } = scanner;
    this.frame = Buffer.from(bytes.subarray(start, end));
    this.#starts = scanner.argStart.slice(0, argc);
    this.#ends = scanner.argEnd.slice(0, argc);
    for (let i = 0; i < argc; i++) {
      this.#starts[i] = (this.#starts[i] ?? 0) - start;
      this.#ends[i] = (this.#ends[i] ?? 0) - start;
    }
  }

  /** The first words in upper case, as far as they are looked at to tell what is asked for. */
  get name(): string {
    return this.#wordAt(0);
  }

  get subcommand(): string {
    return this.#wordAt(1);
  }

  get wordCount(): number {
    return this.#starts.length;
  }

  /** All words, as views of the frame. */
  args(): Buffer[] {
    const ends = this.#ends;
    return Array.from(this.#starts, (start, i) => this.frame.subarray(start, ends[i]));
  }

  /** The words after the command and its sub-command. */
  words(): FrameWords {
    return new FrameWords(this.frame, { starts: this.#starts, ends: this.#ends }, 2);
  }

  #wordAt(index: number): string {
    const start = this.#starts[index] ?? 0;
    const end = this.#ends[index] ?? 0;
    // Longer words are no names.
    if (end - start > NAME_BYTES_MAX) return '';
    return this.frame.toString('latin1', start, end).toUpperCase();
  }
}

const NAME_BYTES_MAX = 64;

/** A command that was framed elsewhere: `frame` is exactly one. */
export function controlRequestOf(frame: Uint8Array, limits: RespLimits): ControlRequest {
  const scanner = new RequestScanner(limits);
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  scanner.scan(bytes, 0, bytes.length);
  return new ControlRequest(scanner, bytes, 0, bytes.length);
}
