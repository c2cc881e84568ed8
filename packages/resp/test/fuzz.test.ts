import { expect, it } from 'vitest';
import {
  encodeCommand,
  INCOMPLETE,
  MALFORMED,
  ReplyStream,
  RequestScanner,
  RespProtocolError,
  scanReply,
  splitInline,
  ValueDecoder,
} from '../src/index.ts';
import { MALFORMED_REPLIES, MALFORMED_REQUESTS, REPLY_CASES, REQUEST_CASES } from './cases.ts';
import { randomFrom, runSeed } from './cuts.ts';

const RUNS = 30_000;
const ALPHABET = Buffer.from('\r\n\r\n\r\n0123456789-+:$*_,#!=(%~>|tfe."\'\\ x\x00\xff', 'latin1');
const LIMIT_CODES = ['BULK_TOO_LONG', 'LINE_TOO_LONG', 'TOO_MANY_ELEMENTS', 'TOO_DEEP'];

const seed = runSeed();
console.log(`fuzz.test.ts: RESP_SEED=${seed}`);

/** Valid frames, malformed ones, pairs of them, with a few bytes changed, added or taken out. */
function mutated(seeds: readonly Buffer[], random: () => number): Buffer {
  const pick = (n: number): number => Math.floor(random() * n);
  const some = (): Buffer => seeds[pick(seeds.length)] ?? Buffer.alloc(0);
  let bytes = Array.from(random() < 0.3 ? Buffer.concat([some(), some()]) : some());
  if (random() < 0.1) bytes = Array.from({ length: pick(60) }, () => pick(256));
  if (random() < 0.1)
    bytes = Array.from({ length: pick(60) }, () => ALPHABET[pick(ALPHABET.length)]!);
  for (let left = pick(5); left > 0; left--) {
    const at = pick(bytes.length + 1);
    const byte = ALPHABET[pick(ALPHABET.length)]!;
    if (random() < 0.4) bytes.splice(at, 1, byte);
    else if (random() < 0.5) bytes.splice(at, 0, byte);
    else bytes.splice(at, 1 + pick(3));
  }
  return Buffer.from(bytes);
}

function fail(bytes: Buffer, what: string): never {
  throw new Error(`RESP_SEED=${seed}: ${what}: ${JSON.stringify(bytes.toString('latin1'))}`);
}

it('replies end alike for all readers, or are refused with a code', () => {
  const random = randomFrom(seed);
  const seeds = REPLY_CASES.map(({ bytes }) => bytes).concat(
    MALFORMED_REPLIES.map(([text]) => Buffer.from(text, 'latin1')),
  );
  const tally = { whole: 0, incomplete: 0, malformed: 0 };
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutated(seeds, random);
    const end = scanReply(bytes, 0, bytes.length);
    if (end === MALFORMED) tally.malformed++;
    else if (end === INCOMPLETE) tally.incomplete++;
    else tally.whole++;
    if (end !== MALFORMED && end !== INCOMPLETE && (end < 3 || end > bytes.length)) {
      fail(bytes, `end ${end}`);
    }
    const cut = Math.floor(random() * (bytes.length + 1));
    if (streamEnd(bytes, bytes.length) !== end) fail(bytes, 'stream disagrees');
    if (streamEnd(bytes, cut) !== end) fail(bytes, `stream disagrees when cut at ${cut}`);
    checkDecoder(bytes, cut, end);
  }
  expect(Math.min(tally.whole, tally.incomplete, tally.malformed)).toBeGreaterThan(RUNS / 50);
});

function streamEnd(bytes: Buffer, cut: number): number {
  const stream = new ReplyStream();
  const first = stream.feed(bytes, 0, cut);
  if (first === MALFORMED || (first > 0 && !stream.isActive)) return first;
  const second = stream.feed(bytes, cut, bytes.length);
  if (second === MALFORMED) return MALFORMED;
  return stream.isActive || bytes.length === 0 ? INCOMPLETE : second;
}

function checkDecoder(bytes: Buffer, cut: number, end: number): void {
  const decoder = new ValueDecoder({ nestingDepthMax: 100 });
  try {
    decoder.push(bytes.subarray(0, cut));
    const early = decoder.next();
    if (early !== undefined && cut < end) fail(bytes, `decoded from ${cut} of ${end} bytes`);
    decoder.push(bytes.subarray(cut));
    let value = early ?? decoder.next();
    if ((value !== undefined) !== end > 0 && end !== MALFORMED) fail(bytes, `decoded: ${end}`);
    while (value !== undefined) value = decoder.next();
    if (end === MALFORMED) {
      // A text line is looked at when its LF is there.
      decoder.push(Buffer.from('\n'));
      fail(bytes, `decoded though malformed: ${decoder.next()?.type}`);
    }
  } catch (error) {
    if (!(error instanceof RespProtocolError)) throw error;
    if (end === INCOMPLETE && !LIMIT_CODES.includes(error.code)) {
      fail(bytes, `${error.code} though incomplete`);
    }
  }
}

it('requests are complete in their one canonical form, incomplete, or refused with a text', () => {
  const random = randomFrom(seed);
  const seeds = REQUEST_CASES.map(({ bytes }) => bytes).concat(
    MALFORMED_REQUESTS.filter(([text]) => text.length < 100).map(([text]) =>
      Buffer.from(text, 'latin1'),
    ),
  );
  const scanner = new RequestScanner();
  const tally = { whole: 0, incomplete: 0, malformed: 0 };
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutated(seeds, random);
    const end = scanner.scan(bytes, 0, bytes.length);
    if (end === MALFORMED) {
      tally.malformed++;
      if (!scanner.errorText.startsWith('Protocol error: ')) fail(bytes, 'no text');
    } else if (end === INCOMPLETE) {
      tally.incomplete++;
      if (scanner.neededBytes <= bytes.length) fail(bytes, 'needs no more bytes');
    } else {
      tally.whole++;
      checkFrame(scanner, bytes, end);
    }
    checkResume(scanner, bytes, Math.floor(random() * (bytes.length + 1)), end);
  }
  expect(Math.min(tally.whole, tally.incomplete, tally.malformed)).toBeGreaterThan(RUNS / 50);
});

/** What a server would read in an accepted frame is what was read here. */
function checkFrame(scanner: RequestScanner, bytes: Buffer, end: number): void {
  if (scanner.isInline) {
    if (splitInline(bytes, 0, end)?.length === 0) fail(bytes, 'inline command without words');
    return;
  }
  if (scanner.argc === 0) return;
  const words = Array.from({ length: scanner.argc }, (_, i) =>
    bytes.subarray(scanner.argStart[i], scanner.argEnd[i]),
  );
  if (!encodeCommand(words).equals(bytes.subarray(0, end))) fail(bytes, 'not as it is encoded');
}

function checkResume(scanner: RequestScanner, bytes: Buffer, cut: number, whole: number): void {
  let end = scanner.scan(bytes, 0, cut);
  if (end === INCOMPLETE) {
    const { argsLeft, resumeOffset, neededBytes } = scanner;
    if (whole > 0 && neededBytes > whole) fail(bytes, `at ${cut} needs too many bytes`);
    end = scanner.resume(bytes, 0, bytes.length, argsLeft, resumeOffset);
  }
  if (end !== whole) fail(bytes, `${whole}, but ${end} when cut at ${cut}`);
}
