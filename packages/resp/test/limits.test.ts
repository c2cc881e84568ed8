import { describe, expect, it } from 'vitest';
import {
  encodeCommand,
  INCOMPLETE,
  MALFORMED,
  ReplyStream,
  RequestScanner,
  scanReply,
  ValueDecoder,
} from '../src/index.ts';
import type { RespLimits } from '../src/index.ts';

function requestResult(text: string, limits?: Partial<RespLimits>): number | string {
  const scanner = new RequestScanner(limits);
  const bytes = Buffer.from(text);
  const result = scanner.scan(bytes, 0, bytes.length);
  return result === MALFORMED ? scanner.errorText : result;
}

function streamResult(text: string, limits?: Partial<RespLimits>): number {
  return new ReplyStream(limits).feed(Buffer.from(text), 0, text.length);
}

/** The type of the first value, or the code of the error. */
function decoded(text: string, limits?: Partial<RespLimits>): string {
  const decoder = new ValueDecoder(limits);
  try {
    decoder.push(Buffer.from(text));
    return decoder.next()?.type ?? 'incomplete';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('each limit is reached by one more than it', () => {
  it('of requests', () => {
    expect(requestResult('*1\r\n$5\r\n12345\r\n', { bulkBytesMax: 5 })).toBe(15);
    expect(requestResult('*1\r\n$6\r\n123456\r\n', { bulkBytesMax: 5 })).toMatch('bulk length');
    expect(requestResult('*1\r\n$10\r\n', { bulkBytesMax: 9 })).toMatch('invalid bulk length');
    const two = '$1\r\na\r\n$1\r\nb\r\n';
    expect(requestResult(`*2\r\n${two}`, { arrayLengthMax: 2 })).toBe(18);
    expect(requestResult(`*2\r\n${two}`, { arrayLengthMax: 1 })).toMatch('multibulk length');
    expect(requestResult('*10\r\n', { arrayLengthMax: 10 })).toBe(INCOMPLETE);
    expect(requestResult('*11\r\n', { arrayLengthMax: 10 })).toMatch('multibulk length');
    expect(requestResult('12345\r\n', { inlineBytesMax: 6 })).toBe(7);
    expect(requestResult('123456\r\n', { inlineBytesMax: 6 })).toMatch('too big inline request');
    expect(requestResult('123456', { inlineBytesMax: 6 })).toBe(INCOMPLETE);
    expect(requestResult('*xxxxx', { inlineBytesMax: 6 })).toMatch('invalid multibulk length');
    expect(requestResult('*xxxxxx', { inlineBytesMax: 6 })).toMatch('too big mbulk count string');
    expect(requestResult('*1\r\n$xxxxxx', { inlineBytesMax: 6 })).toMatch('too big bulk count');
    expect(requestResult('*xxxx\rx', { inlineBytesMax: 6 })).toMatch('invalid multibulk length');
  });

  it('of an inline command at the default', () => {
    expect(requestResult(`${'x'.repeat(65_536)}\n`)).toBe(65_537);
    expect(requestResult(`${'x'.repeat(65_537)}\n`)).toMatch('too big inline request');
  });

  it('of streams', () => {
    expect(streamResult('$5\r\n12345\r\n', { bulkBytesMax: 5 })).toBe(11);
    expect(streamResult('$6\r\n', { bulkBytesMax: 5 })).toBe(MALFORMED);
    expect(streamResult('$6\r\n123456\r\n', { bulkBytesMax: 5 })).toBe(MALFORMED);
    expect(streamResult('=6\r\ntxt:ab\r\n', { bulkBytesMax: 5 })).toBe(MALFORMED);
    expect(streamResult('*2\r\n', { arrayLengthMax: 1 })).toBe(MALFORMED);
    expect(streamResult('%1\r\n+a\r\n+b\r\n', { arrayLengthMax: 2 })).toBe(12);
    expect(streamResult('%1\r\n', { arrayLengthMax: 1 })).toBe(MALFORMED);
  });

  it('of decoded values', () => {
    expect(decoded('$5\r\n12345\r\n', { bulkBytesMax: 5 })).toBe('bulk');
    expect(decoded('$6\r\n', { bulkBytesMax: 5 })).toBe('BULK_TOO_LONG');
    expect(decoded('$6\r\n123456\r\n', { bulkBytesMax: 5 })).toBe('BULK_TOO_LONG');
    expect(decoded('=6\r\ntxt:ab\r\n', { bulkBytesMax: 5 })).toBe('BULK_TOO_LONG');
    expect(decoded('+12345\r\n', { bulkBytesMax: 5 })).toBe('simple');
    expect(decoded('+123456\r\n', { bulkBytesMax: 5 })).toBe('LINE_TOO_LONG');
    expect(decoded('+12345678', { bulkBytesMax: 5 })).toBe('LINE_TOO_LONG');
    expect(decoded('*2\r\n:1\r\n:2\r\n', { arrayLengthMax: 2 })).toBe('array');
    expect(decoded('*3\r\n', { arrayLengthMax: 2 })).toBe('TOO_MANY_ELEMENTS');
    expect(decoded('%2\r\n', { arrayLengthMax: 3 })).toBe('TOO_MANY_ELEMENTS');
    expect(decoded('|2\r\n', { arrayLengthMax: 3 })).toBe('TOO_MANY_ELEMENTS');
    expect(decoded('*2\r\n*1\r\n:1\r\n:2\r\n', { arrayLengthMax: 3 })).toBe('array');
    expect(decoded('*2\r\n*2\r\n', { arrayLengthMax: 3 })).toBe('TOO_MANY_ELEMENTS');
    expect(decoded('*1\r\n*1\r\n:1\r\n', { nestingDepthMax: 2 })).toBe('array');
    expect(decoded('*1\r\n*1\r\n*0\r\n', { nestingDepthMax: 2 })).toBe('TOO_DEEP');
    expect(decoded('|1\r\n*1\r\n|1\r\n', { nestingDepthMax: 2 })).toBe('TOO_DEEP');
  });

  it('of numbers, in all readers', () => {
    const digits = '1'.repeat(8192);
    expect(scanReply(Buffer.from(`(${digits}\r\n`), 0, 8195)).toBe(8195);
    expect(decoded(`(${digits}\r\n`)).toBe('bignumber');
    expect(scanReply(Buffer.from(`(${digits}1`), 0, 8194)).toBe(MALFORMED);
    expect(streamResult(`(${digits}1`)).toBe(MALFORMED);
    expect(decoded(`(${digits}1`)).toBe('INVALID_NUMBER');
  });

  it('of elements owed, in all readers', () => {
    const level = '*2147483639\r\n';
    expect(scanReply(Buffer.from(level), 0, level.length)).toBe(INCOMPLETE);
    expect(streamResult(level)).toBe(level.length);
    const two = Buffer.from(level + level);
    expect(scanReply(two, 0, two.length)).toBe(MALFORMED);
    expect(streamResult(level + level)).toBe(MALFORMED);
    expect(scanReply(Buffer.from('%2147483639\r\n'), 0, 13)).toBe(MALFORMED);
    expect(streamResult('%2147483639\r\n')).toBe(MALFORMED);
  });

  it('of depth at the default; scanner and stream have none', () => {
    const deep = (depth: number): string => `${'*1\r\n'.repeat(depth)}:1\r\n`;
    expect(decoded(deep(128))).toBe('array');
    expect(decoded(deep(129))).toBe('TOO_DEEP');
    const text = deep(200_000);
    expect(scanReply(Buffer.from(text), 0, text.length)).toBe(text.length);
    expect(streamResult(text)).toBe(text.length);
    expect(decoded('|1\r\n'.repeat(200_000))).toBe('TOO_DEEP');
  });

  it('of input that is pushed but not read', () => {
    const decoder = new ValueDecoder({ bulkBytesMax: 100 });
    const push = (): void => {
      for (let i = 0; i < 100; i++) decoder.push(Buffer.from('+a\r\n'.repeat(100)));
    };
    expect(push).toThrow(expect.objectContaining({ code: 'INPUT_NOT_DRAINED' }));
  });

  it('of a buffer that 32-bit offsets cannot address', () => {
    expect(() => new RequestScanner().scan(Buffer.alloc(1), 0, 2 ** 31)).toThrow(RangeError);
  });
});

describe('announced lengths allocate nothing', () => {
  const ANNOUNCED = [
    '*1000000000\r\n',
    '*1048576\r\n',
    '*1048576\r\n$1\r\na\r\n',
    '*1\r\n$536870912\r\n',
    '*1\r\n$536870912\r\nabc',
    '$536870912\r\n',
    '=536870912\r\ntxt:',
    '!536870912\r\n',
    '%524288\r\n',
    '~1048576\r\n',
    '>1048576\r\n:1\r\n',
    '|524288\r\n',
    `${'*1\r\n'.repeat(127)}*1000000\r\n`,
  ];

  it('in the argument arrays of the request scanner', () => {
    const scanner = new RequestScanner();
    const size = scanner.argStart.length;
    for (const text of ANNOUNCED) {
      const bytes = Buffer.from(text);
      expect(scanner.scan(bytes, 0, bytes.length)).toBeLessThanOrEqual(bytes.length);
      expect(scanner.argStart.length).toBe(size);
      expect(scanner.argEnd.length).toBe(size);
    }
    const seen = encodeCommand(Array<string>(1000).fill('a'));
    expect(scanner.scan(seen, 0, seen.length)).toBe(seen.length);
    expect(scanner.argStart.length).toBe(1024);
  });

  it('in the memory of the process', () => {
    const used = (): number => {
      const { heapUsed, arrayBuffers, external } = process.memoryUsage();
      return heapUsed + arrayBuffers + external;
    };
    const kept: unknown[] = [];
    const before = used();
    for (let i = 0; i < 20; i++) {
      for (const text of ANNOUNCED) {
        const bytes = Buffer.from(text);
        const decoder = new ValueDecoder();
        const stream = new ReplyStream();
        const scanner = new RequestScanner();
        stream.feed(bytes, 0, bytes.length);
        scanner.scan(bytes, 0, bytes.length);
        scanReply(bytes, 0, bytes.length);
        try {
          decoder.push(bytes);
          expect(decoder.next()).toBe(undefined);
        } catch (error) {
          expect(error).toMatchObject({ code: 'TOO_MANY_ELEMENTS' });
        }
        kept.push(decoder, stream, scanner);
      }
    }
    // 260 readers of each sort, at most some 10 KiB each; the claims add up to 60 GiB.
    expect(kept.length).toBe(780);
    expect(used() - before).toBeLessThan(64 * 1024 * 1024);
  });
});
