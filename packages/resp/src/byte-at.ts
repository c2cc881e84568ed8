/** The byte at an offset, -1 outside the buffer: for code that is not worth an unchecked access. */
export function byteAt(buf: Uint8Array, offset: number): number {
  return buf[offset] ?? -1;
}
