import { crc32 } from 'node:zlib';
import { BrokerError } from '../../errors.ts';

// A log is text. Its first line says whose it is; each further line is one record:
//
//   undermoon-log 1 apply=1 store=<uuid> start=18 crc=5d0ae3c1
//   9f21c0aa 18 243 {"context":…,"steps":…}
//   ^crc     ^  ^bytes of the JSON text
//            sequence number
//
// The checksum of a line covers all of it but itself. A line break never stands inside of a line, so a line
// that ends in one was written whole: if it does not match its checksum, it was altered afterwards. What a
// crash leaves is a last line without its end, or (where the file had grown before its bytes arrived) zeros.

/** What a log says about itself. */
export interface LogHead {
  readonly applyVersion: number;
  readonly storeId: string;
  /** The sequence number of its first record. */
  readonly start: number;
}

/** One record: the mutations that were kept with one sync. */
export interface LogRecord {
  readonly sequence: number;
  readonly json: unknown;
  /** Where it begins in the file. */
  readonly offset: number;
}

/** A log as it was read. */
export interface LogContent {
  readonly head: LogHead;
  readonly records: readonly LogRecord[];
  /** Bytes up to the end of the last whole record. What follows was torn by a crash. */
  readonly soundBytes: number;
}

/** Damage in a log. `soundBytes` is where it begins. */
export class LogDamage extends BrokerError {
  readonly soundBytes: number;
  /** The last sequence number before the damage. */
  readonly sequence: number;

  constructor(reason: string, soundBytes: number, sequence: number) {
    super('STORE_DAMAGED', reason);
    this.soundBytes = soundBytes;
    this.sequence = sequence;
  }
}

const HEAD =
  /^(undermoon-log (\d{1,9}) apply=(\d{1,9}) store=([0-9a-f-]{36}) start=(\d{1,15})) crc=([0-9a-f]{8})$/;
const FORMAT = 1;
const LINE = /^([0-9a-f]{8}) ((\d{1,15}) (\d{1,12}) )/;
const PREFIX_BYTES_MAX = 48;
const LINE_BREAK = 10;

/** The first line of a log. */
export function encodeLogHead({ applyVersion, storeId, start }: LogHead): Buffer {
  const text = `undermoon-log ${FORMAT} apply=${applyVersion} store=${storeId} start=${start}`;
  return Buffer.from(`${text} crc=${hex(crc32(text))}\n`);
}

/** The line of one record. Spaces after the JSON text make it at least `bytesMin` long. */
export function encodeLogRecord(sequence: number, json: unknown, bytesMin = 0): Buffer {
  const body = JSON.stringify(json);
  const line = encodeLine(sequence, body);
  if (line.length >= bytesMin) return line;
  return encodeLine(sequence, body + ' '.repeat(bytesMin - line.length));
}

function encodeLine(sequence: number, body: string): Buffer {
  const checked = `${sequence} ${Buffer.byteLength(body)} ${body}`;
  return Buffer.from(`${hex(crc32(checked))} ${checked}\n`);
}

/** Reads a log. Throws `LogDamage` where something that was whole was altered. */
export function decodeLog(bytes: Buffer): LogContent {
  const headEnd = bytes.subarray(0, 256).indexOf(LINE_BREAK);
  const head = parseHead(bytes.subarray(0, Math.max(0, headEnd)).toString('latin1'));
  const records: LogRecord[] = [];
  let offset = headEnd + 1;
  let sequence = head.start - 1;
  while (offset < bytes.length) {
    const end = bytes.indexOf(LINE_BREAK, offset);
    const line = bytes.subarray(offset, end === -1 ? bytes.length : end);
    const record = end === -1 ? null : parseRecord(line, sequence + 1, offset);
    if (record === null) {
      if (isTorn(bytes.subarray(offset), end !== -1)) break;
      const reason = `has a damaged record ${sequence + 1} at byte ${offset}`;
      throw new LogDamage(reason, offset, sequence);
    }
    records.push(record);
    sequence = record.sequence;
    offset = end + 1;
  }
  return { head, records, soundBytes: offset };
}

function parseHead(line: string): LogHead {
  const match = HEAD.exec(line);
  const [, text = '', format, applyVersion, storeId = '', start, checksum] = match ?? [];
  if (match === null || hex(crc32(text)) !== checksum) {
    throw new LogDamage('has a damaged first line', 0, 0);
  }
  if (Number(format) !== FORMAT) throw new LogDamage(`has the unknown format ${format}`, 0, 0);
  return { applyVersion: Number(applyVersion), storeId, start: Number(start) };
}

// Null: not a sound record with this number.
function parseRecord(line: Buffer, expected: number, offset: number): LogRecord | null {
  const match = LINE.exec(line.subarray(0, PREFIX_BYTES_MAX).toString('latin1'));
  if (match === null) return null;
  const [prefix, checksum = '', , sequence, length] = match;
  const body = line.subarray(prefix.length);
  if (Number(sequence) !== expected || body.length !== Number(length)) return null;
  if (hex(crc32(line.subarray(checksum.length + 1))) !== checksum) return null;
  return { sequence: expected, json: JSON.parse(body.toString()) as unknown, offset };
}

function isTorn(rest: Buffer, hasLineBreak: boolean): boolean {
  if (hasLineBreak) return hasLostBlock(rest) && !hasSoundLine(rest);
  const match = LINE.exec(rest.subarray(0, PREFIX_BYTES_MAX).toString('latin1'));
  if (match === null) return true;
  // Long enough to have had its line break: that byte was altered, unless it never arrived.
  const end = match[0].length + Number(match[4]);
  return rest.length <= end || rest[end] === 0;
}

// A block that did not reach the disk reads as zeros. Fewer of them inside of a line may be an altered space.
function hasLostBlock(rest: Buffer): boolean {
  return rest[0] === 0 || rest.includes(Buffer.alloc(8));
}

// Whether anything that was written later is whole: then what comes before it was whole as well.
function hasSoundLine(rest: Buffer): boolean {
  for (let from = 0; from < rest.length;) {
    const end = rest.indexOf(LINE_BREAK, from);
    if (end === -1) return false;
    const line = rest.subarray(from, end);
    const match = LINE.exec(line.subarray(0, PREFIX_BYTES_MAX).toString('latin1'));
    if (match !== null && parseRecord(line, Number(match[3]), 0) !== null) return true;
    from = end + 1;
  }
  return false;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}
