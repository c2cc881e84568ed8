import { createHash } from 'node:crypto';
import { BrokerError } from '../../errors.ts';

// First line of the file; the JSON text of the dump follows it to the end of the file.
const HEADER = /^undermoon-store (\d{1,9}) sha256=([0-9a-f]{64}) bytes=(\d{1,15})$/;
const MAGIC = 'undermoon-store ';
const FORMAT = 1;
const HEADER_BYTES_MAX = 128;

/** The content of a metadata file: a line with length and checksum, then the JSON text of the dump. */
export function encodeStoreFile(dump: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(dump));
  const header = `${MAGIC}${FORMAT} sha256=${sha256(body)} bytes=${body.length}\n`;
  return Buffer.concat([Buffer.from(header), body]);
}

/**
 * Reads a metadata file. A bare JSON dump, as the original broker writes it, is accepted too. Throws
 * STORE_DAMAGED with the reason, which completes "the file …".
 */
export function decodeStoreFile(bytes: Buffer): unknown {
  if (bytes.length === 0) throw damaged('is empty');
  if (bytes.subarray(0, MAGIC.length).toString('latin1') === MAGIC) {
    return parseJson(checkedBody(bytes));
  }
  if (!/^\s*\{/.test(bytes.subarray(0, HEADER_BYTES_MAX).toString('latin1'))) {
    throw damaged('does not begin like a metadata file');
  }
  return parseJson(bytes);
}

function checkedBody(bytes: Buffer): Buffer {
  const headerEnd = bytes.subarray(0, HEADER_BYTES_MAX).indexOf('\n');
  if (headerEnd === -1) throw damaged('ends within its first line');
  const match = HEADER.exec(bytes.subarray(0, headerEnd).toString('latin1'));
  if (match === null) throw damaged('has a damaged first line');
  const [, format, checksum, length] = match;
  if (Number(format) !== FORMAT) throw damaged(`has the unknown format ${format}`);
  const body = bytes.subarray(headerEnd + 1);
  if (body.length !== Number(length)) {
    throw damaged(`holds ${body.length} bytes of data where it should hold ${length}`);
  }
  if (sha256(body) !== checksum) throw damaged('does not match its checksum');
  return body;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw damaged('is not whole JSON text', cause);
  }
}

function damaged(reason: string, cause?: unknown): BrokerError {
  return new BrokerError('STORE_DAMAGED', reason, { cause });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
