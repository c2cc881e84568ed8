/** A head is at most so long: the count, and a name of up to ten letters, fit. */
const HEAD_BYTES_MAX = 32;
/** `*2\r\n$1\r\nX\r\n`. */
const HEAD_BYTES_MIN = 11;
/** A power of two. */
const HEADS_MAX = 32;

/**
 * How commands with one key, right after the name, have begun: everything before the key. Those that follow mostly
 * begin like one before them, and one comparison says so much of them that their name is not looked up.
 *
 * ```text
 *   *2\r\n $3\r\n GET \r\n  $3\r\n key \r\n
 *   └─────── head ───────┘
 * ```
 */
export class CommandHeads {
  /** Arguments of a command with the head that was found last, without its name. */
  argsLeft = 0;
  readonly #bytes = new Uint8Array(HEADS_MAX * HEAD_BYTES_MAX);
  /** 0: none. */
  readonly #lengths = new Uint8Array(HEADS_MAX);
  readonly #argsLeft = new Int32Array(HEADS_MAX);

  /** The offset behind the head of the command at `pos`; -1: it does not begin with a known one. */
  find(bytes: Uint8Array, pos: number, end: number): number {
    if (pos + HEAD_BYTES_MIN > end) return -1;
    const index = placeOf(bytes, pos);
    const length = this.#lengths[index]!;
    const stop = pos + length;
    if (length === 0 || stop > end) return -1;
    const known = this.#bytes;
    let at = index * HEAD_BYTES_MAX;
    for (let i = pos; i < stop; i++) if (bytes[i] !== known[at++]) return -1;
    this.argsLeft = this.#argsLeft[index]!;
    return stop;
  }

  /** `bytes[start, end)` is the head of a command with one key, which has `argc` words. Long ones are not kept. */
  learn(bytes: Uint8Array, start: number, end: number, argc: number): void {
    const length = end - start;
    if (length < HEAD_BYTES_MIN || length > HEAD_BYTES_MAX) return;
    const index = placeOf(bytes, start);
    let at = index * HEAD_BYTES_MAX;
    for (let i = start; i < end; i++) this.#bytes[at++] = bytes[i]!;
    this.#lengths[index] = length;
    this.#argsLeft[index] = argc - 1;
  }
}

/** By the count of words and the first two letters, so that the usual commands lie apart. */
function placeOf(bytes: Uint8Array, pos: number): number {
  return (bytes[pos + 1]! + bytes[pos + 8]! * 3 + bytes[pos + 9]! * 5) & (HEADS_MAX - 1);
}
