import { describe, expect, it } from 'vitest';
import { RespWriter } from './writer.ts';

type Write = (writer: RespWriter) => void;

/** What Redis writes for the same reply in each protocol. */
const FORMS: readonly (readonly [name: string, write: Write, resp2: string, resp3: string])[] = [
  ['simple', (w) => w.simple('OK'), '+OK\r\n', '+OK\r\n'],
  ['error', (w) => w.error('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
  ['integer', (w) => w.integer(-5), ':-5\r\n', ':-5\r\n'],
  [
    'bigint',
    (w) => w.integer(2n ** 63n - 1n),
    ':9223372036854775807\r\n',
    ':9223372036854775807\r\n',
  ],
  ['bulk of text', (w) => w.bulk('é'), '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
  ['bulk of bytes', (w) => w.bulk(Buffer.of(255)), '$1\r\n\xff\r\n', '$1\r\n\xff\r\n'],
  ['empty bulk', (w) => w.bulk(''), '$0\r\n\r\n', '$0\r\n\r\n'],
  ['null', (w) => w.null(), '$-1\r\n', '_\r\n'],
  ['null array', (w) => w.nullArray(), '*-1\r\n', '_\r\n'],
  ['array', (w) => w.array(2), '*2\r\n', '*2\r\n'],
  ['map', (w) => w.map(2), '*4\r\n', '%2\r\n'],
  ['set', (w) => w.set(2), '*2\r\n', '~2\r\n'],
  ['push', (w) => w.push(2), '*2\r\n', '>2\r\n'],
  ['double', (w) => w.double(1.5), '$3\r\n1.5\r\n', ',1.5\r\n'],
  ['minus zero', (w) => w.double(-0), '$2\r\n-0\r\n', ',-0\r\n'],
  ['small double', (w) => w.double(1e-7), '$5\r\n1e-7\r\n'.replace('$5', '$4'), ',1e-7\r\n'],
  ['inf', (w) => w.double(Infinity), '$3\r\ninf\r\n', ',inf\r\n'],
  ['minus inf', (w) => w.double(-Infinity), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['nan', (w) => w.double(NaN), '$3\r\nnan\r\n', ',nan\r\n'],
  ['true', (w) => w.boolean(true), ':1\r\n', '#t\r\n'],
  ['false', (w) => w.boolean(false), ':0\r\n', '#f\r\n'],
  ['verbatim', (w) => w.verbatim('txt', 'é'), '$2\r\n\xc3\xa9\r\n', '=6\r\ntxt:\xc3\xa9\r\n'],
  ['big number', (w) => w.bignumber(-12n), '$3\r\n-12\r\n', '(-12\r\n'],
  ['raw', (w) => w.raw(Buffer.from(':1\r\n')), ':1\r\n', ':1\r\n'],
];

describe('RespWriter', () => {
  it.each(FORMS)('writes %s', (_, write, resp2, resp3) => {
    for (const [protocol, text] of [
      [2, resp2],
      [3, resp3],
    ] as const) {
      const writer = new RespWriter(protocol);
      write(writer);
      expect(writer.length).toBe(text.length);
      expect(writer.take().toString('latin1')).toBe(text);
      expect(writer.length).toBe(0);
    }
  });

  it.each([0, 7, 10, 99, 100, 65_535, 999_999, 1_000_000, 2 ** 53 - 1, -1, -0])(
    'writes the number %d as its text',
    (value) => {
      expect(new RespWriter().integer(value).take().toString()).toBe(`:${String(value)}\r\n`);
    },
  );

  it('writes once more what it has written', () => {
    const writer = new RespWriter(2, 4096).array(2);
    const start = writer.length;
    writer.bulk('abc');
    expect(writer.again(start, writer.length).take().toString()).toBe(
      '*2\r\n$3\r\nabc\r\n$3\r\nabc\r\n',
    );
    expect(() => writer.integer(1).again(0, 5)).toThrow(RangeError);
    expect(() => writer.again(-1, 2)).toThrow(RangeError);
    expect(() => writer.again(2, 1)).toThrow(RangeError);
  });

  it('grows past what was expected', () => {
    const writer = new RespWriter(2, 2000).bulk('x'.repeat(1990));
    for (let i = 0; i < 9; i++) writer.again(0, writer.length);
    const bytes = writer.take();
    expect(bytes.length).toBe(512 * 1999);
    expect(bytes.indexOf('$1990', 1)).toBe(1999);
  });

  it('speaks protocol 2 first, and can be switched', () => {
    const writer = new RespWriter();
    writer.null();
    writer.protocol = 3;
    expect(writer.null().take().toString()).toBe('$-1\r\n_\r\n');
  });

  it('keeps text of lines on its line', () => {
    const writer = new RespWriter();
    writer.simple('a\r\n$1').error('ERR b\nc\rd');
    expect(writer.take().toString()).toBe('+a  $1\r\n-ERR b c d\r\n');
  });

  it('refuses what would not be a reply', () => {
    const writer = new RespWriter(3);
    expect(() => writer.integer(1.5)).toThrow(RangeError);
    expect(() => writer.integer(2 ** 53)).toThrow(RangeError);
    expect(() => writer.array(-1)).toThrow(RangeError);
    expect(() => writer.map(0.5)).toThrow(RangeError);
    expect(() => writer.verbatim('text', '')).toThrow(RangeError);
    expect(() => writer.verbatim('a\r\n', '')).toThrow(RangeError);
    expect(writer.length).toBe(0);
  });

  it('grows for any reply, in one piece or in many', () => {
    const writer = new RespWriter();
    const big = Buffer.alloc(100_000, 'b');
    writer.array(1001).bulk(big);
    for (let i = 0; i < 1000; i++) writer.bulk(`element ${i}`);
    const taken = writer.take();
    expect(taken.subarray(0, 7 + 9).toString()).toBe('*1001\r\n$100000\r\n');
    expect(taken.subarray(-19).toString()).toBe('$11\r\nelement 999\r\n'.padStart(19, '\n'));
    expect(taken.subarray(16, 100_016).equals(big)).toBe(true);
  });

  it('never shares a taken buffer with what is written later', () => {
    const writer = new RespWriter();
    for (const size of [1, 100, 1000, 16_000, 16_384, 50_000]) {
      const first = writer.bulk('a'.repeat(size)).take();
      const before = Buffer.from(first);
      writer.bulk('z'.repeat(size)).take();
      expect(first.equals(before)).toBe(true);
    }
  });

  it('gives its buffer away with a large reply and is small again', () => {
    const writer = new RespWriter();
    const large = writer.bulk(Buffer.alloc(1_000_000)).take();
    expect(large.buffer.byteLength).toBeGreaterThanOrEqual(1_000_000);
    // A reply just below the size that is copied shows how large the buffer behind it is now.
    const next = writer.bulk(Buffer.alloc(20_000)).take();
    expect(next.buffer.byteLength).toBeLessThan(50_000);
  });
});
