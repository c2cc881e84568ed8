/**
 * Encodes a command as a multibulk request in one buffer of its own. Strings are sent as UTF-8.
 * Throws a RangeError without a command name: Redis would ignore the empty request and the
 * caller would wait for its reply for ever.
 */
export function encodeCommand(args: readonly (string | Uint8Array)[]): Buffer {
  if (args.length === 0) throw new RangeError('args must hold at least the command name');
  let size = headerBytes(args.length);
  for (const arg of args) {
    const length = bytesOf(arg);
    size += headerBytes(length) + length + 2;
  }
  const out = Buffer.allocUnsafe(size);
  let at = out.write(`*${args.length}\r\n`, 0, 'latin1');
  for (const arg of args) {
    const length = bytesOf(arg);
    at += out.write(`$${length}\r\n`, at, 'latin1');
    if (typeof arg === 'string') out.write(arg, at);
    else out.set(arg, at);
    at += length;
    out[at++] = 13;
    out[at++] = 10;
  }
  return out;
}

function bytesOf(arg: string | Uint8Array): number {
  return typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length;
}

function headerBytes(length: number): number {
  return String(length).length + 3;
}
