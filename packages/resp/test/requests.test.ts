import { describe, expect, it } from 'vitest';
import {
  encodeCommand,
  INCOMPLETE,
  MALFORMED,
  RequestScanner,
  splitInline,
  ValueDecoder,
} from '../src/index.ts';
import { MALFORMED_REQUESTS, REQUEST_CASES } from './cases.ts';
import { cutsOf, followedBy, randomFrom, runSeed } from './cuts.ts';

const seed = runSeed();
console.log(`requests.test.ts: RESP_SEED=${seed}`);

function wordsOf(scanner: RequestScanner, buf: Buffer, pos: number, end: number): string[] {
  if (scanner.isInline) {
    return (splitInline(buf, pos, end) ?? []).map((word) => word.toString('latin1'));
  }
  const words: string[] = [];
  for (let i = 0; i < scanner.argc; i++) {
    words.push(buf.toString('latin1', scanner.argStart[i], scanner.argEnd[i]));
  }
  return words;
}

/** Reads a frame that comes in pieces as a connection does: carry what is there, resume. */
function resumedEnd(scanner: RequestScanner, pieces: readonly Uint8Array[]): number {
  let carry = Buffer.alloc(0);
  let result = INCOMPLETE;
  let isStarted = false;
  for (const piece of pieces) {
    carry = Buffer.concat([carry, piece]);
    if (isStarted && carry.length < scanner.neededBytes) continue;
    result = isStarted
      ? scanner.resume(carry, 0, carry.length, scanner.argsLeft, scanner.resumeOffset)
      : scanner.scan(carry, 0, carry.length);
    isStarted = true;
    if (result !== INCOMPLETE) return result;
  }
  return result;
}

describe.each(REQUEST_CASES)('request $name', ({ bytes, words, isInline }) => {
  it('ends where it ends and has its words, whatever follows', () => {
    const scanner = new RequestScanner();
    for (const tail of ['', '*1\r\n$4\r\nPING\r\n', '\r\n\r\n', '$1']) {
      const buf = followedBy(bytes, tail);
      expect(scanner.scan(buf, 0, buf.length)).toBe(bytes.length);
      expect(scanner.isInline).toBe(isInline);
      expect(wordsOf(scanner, buf, 0, bytes.length)).toStrictEqual(words);
      expect(scanner.argc).toBe(isInline ? 0 : words.length);
    }
  });

  it('is found behind other bytes of a buffer', () => {
    const scanner = new RequestScanner();
    const buf = Buffer.concat([Buffer.from('x\r\n'), bytes, Buffer.from('*1')]);
    expect(scanner.scan(buf, 3, buf.length)).toBe(3 + bytes.length);
    expect(wordsOf(scanner, buf, 3, 3 + bytes.length)).toStrictEqual(words);
  });

  it('is INCOMPLETE at every shorter end, with a true lower bound of its size', () => {
    const scanner = new RequestScanner();
    for (let end = 0; end < bytes.length; end++) {
      expect(scanner.scan(bytes, 0, end)).toBe(INCOMPLETE);
      expect(scanner.argc).toBe(0);
      expect(scanner.neededBytes).toBeGreaterThan(end);
      expect(scanner.neededBytes).toBeLessThanOrEqual(bytes.length);
      expect(scanner.resumeOffset).toBeLessThanOrEqual(end);
    }
  });

  it('is resumed to the same end from every cut', () => {
    const scanner = new RequestScanner();
    for (const pieces of cutsOf(bytes, randomFrom(seed))) {
      expect(resumedEnd(scanner, pieces)).toBe(bytes.length);
      expect(scanner.isInline).toBe(isInline);
    }
    expect(scanner.scan(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(wordsOf(scanner, bytes, 0, bytes.length)).toStrictEqual(words);
  });

  it('is resumed at an offset of a larger buffer', () => {
    const scanner = new RequestScanner();
    const buf = Buffer.concat([Buffer.from('+OK\r\n'), bytes]);
    for (let end = 5; end < buf.length; end++) {
      expect(scanner.scan(buf, 5, end)).toBe(INCOMPLETE);
      const { argsLeft, resumeOffset } = scanner;
      expect(scanner.resume(buf, 5, buf.length, argsLeft, resumeOffset)).toBe(buf.length);
    }
  });
});

describe.each(
  MALFORMED_REQUESTS.map(([text, reason]) => ({ text, reason, name: text.slice(0, 40) })),
)('malformed request $name', ({ text, reason }) => {
  const bytes = Buffer.from(text, 'latin1');

  it('is refused with the text of Redis', () => {
    const scanner = new RequestScanner();
    expect(scanner.scan(bytes, 0, bytes.length)).toBe(MALFORMED);
    expect(scanner.errorText).toBe(`Protocol error: ${reason}`);
  });

  it('is refused at every cut, and for good', () => {
    const scanner = new RequestScanner();
    // Long lines are cut near their ends only: in between nothing changes.
    const middle = bytes.length > 1000 ? bytes.length - 20 : 0;
    let isRefused = false;
    for (let end = middle; end <= bytes.length; end++) {
      const result = scanner.scan(bytes, 0, end);
      expect(result === INCOMPLETE || result === MALFORMED).toBe(true);
      expect(isRefused && result !== MALFORMED).toBe(false);
      isRefused = result === MALFORMED;
      if (result === INCOMPLETE) {
        const { argsLeft, resumeOffset } = scanner;
        expect(scanner.resume(bytes, 0, bytes.length, argsLeft, resumeOffset)).toBe(MALFORMED);
      }
    }
    expect(isRefused).toBe(true);
  });
});

it('reads the last arguments of a frame by themselves', () => {
  const scanner = new RequestScanner();
  const frame = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n');
  const rest = frame.indexOf('$1');
  expect(scanner.scanRest(frame, rest, frame.length, 2)).toBe(frame.length);
  expect(scanner.argc).toBe(2);
  expect(frame.toString('latin1', scanner.argStart[0], scanner.argEnd[0])).toBe('k');
  expect(frame.toString('latin1', scanner.argStart[1], scanner.argEnd[1])).toBe('vv');
  for (let end = rest; end < frame.length; end++)
    expect(scanner.scanRest(frame, rest, end, 2)).toBe(INCOMPLETE);
  const wrong = Buffer.from(frame.toString('latin1').replace('vv\r', 'vvv'));
  expect(scanner.scanRest(wrong, rest, wrong.length, 2)).toBe(MALFORMED);
});

it('reads a chunk of pipelined frames one after another', () => {
  const scanner = new RequestScanner();
  const chunk = Buffer.concat(REQUEST_CASES.map(({ bytes }) => bytes));
  let at = 0;
  for (const { bytes, words } of REQUEST_CASES) {
    const end = scanner.scan(chunk, at, chunk.length);
    expect(end).toBe(at + bytes.length);
    expect(wordsOf(scanner, chunk, at, end)).toStrictEqual(words);
    at = end;
  }
  expect(at).toBe(chunk.length);
});

it('agrees with the reply readers on every multibulk frame', () => {
  for (const { bytes, words, isInline } of REQUEST_CASES) {
    if (isInline || words.length === 0) continue;
    const decoder = new ValueDecoder();
    decoder.push(bytes);
    expect(decoder.next()).toStrictEqual({
      type: 'array',
      items: words.map((word) => ({ type: 'bulk', value: Buffer.from(word) })),
    });
    expect(encodeCommand(words)).toStrictEqual(bytes);
  }
});

/** Counts the byte reads of a scanner, which has no other access to a buffer than by index. */
function counting(bytes: Buffer): { buf: Uint8Array; reads: () => number } {
  let reads = 0;
  const buf = new Proxy<Uint8Array>(bytes, {
    get(target, property): unknown {
      reads++;
      return Reflect.get(target, property, target);
    },
  });
  return { buf, reads: () => reads };
}

describe('work over many chunks is linear', () => {
  it.each([
    ['many arguments', encodeCommand(Array<string>(2000).fill('argument'))],
    ['one long argument', encodeCommand(['SET', 'x'.repeat(20_000)])],
    ['a long inline line', Buffer.from(`ECHO ${'x'.repeat(20_000)}\r\n`)],
  ])('%s', (_, bytes) => {
    const scanner = new RequestScanner();
    const { buf, reads } = counting(bytes);
    let result = scanner.scan(buf, 0, 1);
    for (let end = 2; result === INCOMPLETE; end++) {
      result = scanner.resume(buf, 0, end, scanner.argsLeft, scanner.resumeOffset);
    }
    expect(result).toBe(bytes.length);
    // Even byte by byte no more than the header line of one argument is read again.
    expect(reads()).toBeLessThan(bytes.length * 25);
  });

  it('a fault that is shorter than what was awaited is found as soon as it is there', () => {
    const scanner = new RequestScanner();
    for (const text of ['*x', '*1\r\n$x\r\n', '*2\r\n$3\r\nGET\r\n+\r\n', '*1\r\n$-5\r\n']) {
      const bytes = Buffer.from(text);
      const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
      expect(resumedEnd(scanner, pieces)).toBe(MALFORMED);
    }
  });

  it('neededBytes lets a large bulk be awaited without a look at it', () => {
    const scanner = new RequestScanner();
    const head = Buffer.from('*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$500000000\r\nabc');
    expect(scanner.scan(head, 0, head.length)).toBe(INCOMPLETE);
    expect(scanner.argsLeft).toBe(1);
    expect(scanner.resumeOffset).toBe(head.indexOf('$500000000'));
    expect(scanner.neededBytes).toBe(head.length - 3 + 500_000_000 + 2);
  });
});
