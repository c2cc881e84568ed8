import { createHash } from 'node:crypto';
import { BrokerError } from '../../errors.ts';

/** What a metadata file says about itself. */
export interface StoreFileHead {
  /** Tells the store from others; null in files of earlier versions, which have no log. */
  readonly storeId: string | null;
  /** The log record up to which the state includes everything; 0 without a log. */
  readonly sequence: number;
}

/** The content of a metadata file. */
export interface StoreFile extends StoreFileHead {
  readonly dump: unknown;
}

// First line of the file; the JSON text of the dump follows it to the end of the file.
const HEADER =
  /^undermoon-store (\d{1,9}) sha256=([0-9a-f]{64}) bytes=(\d{1,15})( store=([0-9a-f-]{36}) seq=(\d{1,15}))?$/;
const MAGIC = 'undermoon-store ';
const FORMAT_WITHOUT_LOG = 1;
const FORMAT = 2;
const HEADER_BYTES_MAX = 256;

/** The bytes of a metadata file: a line with length, checksum and place in the log, then the JSON text. */
export function encodeStoreFile(dump: unknown, storeId: string, sequence: number): Buffer {
  const body = Buffer.from(JSON.stringify(dump));
  const place = ` store=${storeId} seq=${sequence}`;
  const header = `${MAGIC}${FORMAT} sha256=${checksumOf(place, body)} bytes=${body.length}${place}\n`;
  return Buffer.concat([Buffer.from(header), body]);
}

/**
 * Reads a metadata file. A bare JSON dump, as the original broker writes it, and the earlier format without
 * a log are accepted too. Throws STORE_DAMAGED with the reason, which completes "the file …".
 */
export function decodeStoreFile(bytes: Buffer): StoreFile {
  if (bytes.length === 0) throw damaged('is empty');
  if (bytes.subarray(0, MAGIC.length).toString('latin1') === MAGIC) {
    const { head, body } = checked(bytes);
    return { ...head, dump: parseJson(body) };
  }
  if (!/^\s*\{/.test(bytes.subarray(0, HEADER_BYTES_MAX).toString('latin1'))) {
    throw damaged('does not begin like a metadata file');
  }
  return { storeId: null, sequence: 0, dump: parseJson(bytes) };
}

function checked(bytes: Buffer): { readonly head: StoreFileHead; readonly body: Buffer } {
  const headerEnd = bytes.subarray(0, HEADER_BYTES_MAX).indexOf('\n');
  if (headerEnd === -1) throw damaged('ends within its first line');
  const match = HEADER.exec(bytes.subarray(0, headerEnd).toString('latin1'));
  if (match === null) throw damaged('has a damaged first line');
  const [, format, checksum, length, place = '', storeId = null, sequence = '0'] = match;
  const expected = place === '' ? FORMAT_WITHOUT_LOG : FORMAT;
  if (Number(format) !== expected) {
    const isKnown = Number(format) === FORMAT || Number(format) === FORMAT_WITHOUT_LOG;
    throw damaged(isKnown ? 'has a damaged first line' : `has the unknown format ${format}`);
  }
  const body = bytes.subarray(headerEnd + 1);
  if (body.length !== Number(length)) {
    throw damaged(`holds ${body.length} bytes of data where it should hold ${length}`);
  }
  if (checksumOf(place, body) !== checksum) throw damaged('does not match its checksum');
  return { head: { storeId, sequence: Number(sequence) }, body };
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

function checksumOf(place: string, body: Buffer): string {
  return createHash('sha256').update(place).update(body).digest('hex');
}
