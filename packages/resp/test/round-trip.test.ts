import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  encodeCommand,
  INCOMPLETE,
  RequestScanner,
  RespWriter,
  scanReply,
  splitInline,
  ValueDecoder,
} from '../src/index.ts';
import type { RespPairs, RespValue } from '../src/index.ts';
import { expectSame } from './expect-same.ts';

const line = fc
  .string({ unit: 'binary-ascii', maxLength: 20 })
  .map((text) => text.replace(/[\r\n]/g, ''));
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

/** Records as the decoder makes them: plain objects. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const { value: anyValue } = fc.letrec<{ value: RespValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    record({ type: fc.constant('simple' as const), value: line }),
    record({ type: fc.constant('error' as const), value: line }),
    record({
      type: fc.constant('integer' as const),
      value: fc.oneof(
        fc.maxSafeInteger().map((n) => n + 0),
        fc.bigInt(2n ** 53n, 2n ** 63n - 1n),
      ),
    }),
    record({ type: fc.constant('bulk' as const), value: bytes }),
    fc.constant<RespValue>({ type: 'null' }),
    record({ type: fc.constant('double' as const), value: fc.double() }),
    record({ type: fc.constant('boolean' as const), value: fc.boolean() }),
    record({ type: fc.constant('bignumber' as const), value: fc.bigInt() }),
    record({
      type: fc.constant('verbatim' as const),
      format: fc.constantFrom('txt', 'mkd'),
      value: bytes,
    }),
    record({
      type: fc.constantFrom('array' as const, 'set' as const, 'push' as const),
      items: fc.array(tie('value'), { maxLength: 5 }),
    }),
    record({
      type: fc.constant('map' as const),
      entries: fc.array(fc.tuple(tie('value'), tie('value')), {
        maxLength: 4,
      }) as fc.Arbitrary<RespPairs>,
    }),
  ),
}));

function write(writer: RespWriter, value: RespValue): void {
  switch (value.type) {
    case 'simple':
      return void writer.simple(value.value);
    case 'error':
      return void writer.error(value.value);
    case 'integer':
      return void writer.integer(value.value);
    case 'bulk':
      return void writer.bulk(value.value);
    case 'null':
      return void writer.null();
    case 'double':
      return void writer.double(value.value);
    case 'boolean':
      return void writer.boolean(value.value);
    case 'bignumber':
      return void writer.bignumber(value.value);
    case 'verbatim':
      return void writer.verbatim(value.format, value.value);
    case 'map':
      writer.map(value.entries.length);
      return value.entries.flat().forEach((item) => write(writer, item));
    default:
      writer[value.type](value.items.length);
      return value.items.forEach((item) => write(writer, item));
  }
}

/** What is left of a value in protocol 2. */
function inProtocol2(value: RespValue): RespValue {
  const bulk = (text: string): RespValue => ({ type: 'bulk', value: Buffer.from(text) });
  switch (value.type) {
    case 'double':
      if (!Number.isFinite(value.value))
        return bulk(String(value.value).toLowerCase().replace('inity', ''));
      return bulk(Object.is(value.value, -0) ? '-0' : String(value.value));
    case 'boolean':
      return { type: 'integer', value: value.value ? 1 : 0 };
    case 'bignumber':
      return bulk(String(value.value));
    case 'verbatim':
      return { type: 'bulk', value: value.value };
    case 'map':
      return { type: 'array', items: value.entries.flat().map(inProtocol2) };
    case 'array':
    case 'set':
    case 'push':
      return { type: 'array', items: value.items.map(inProtocol2) };
    default:
      return value;
  }
}

it.each([2, 3] as const)('what is written in protocol %d is decoded again', (protocol) => {
  fc.assert(
    fc.property(anyValue, fc.nat(), (value, cut) => {
      const writer = new RespWriter(protocol);
      write(writer, value);
      const { length } = writer;
      const written = writer.take();
      expect(written.length).toBe(length);
      expect(scanReply(written, 0, written.length)).toBe(written.length);
      const decoder = new ValueDecoder();
      const at = cut % written.length;
      decoder.push(written.subarray(0, at));
      expect(decoder.next()).toBe(undefined);
      decoder.push(written.subarray(at));
      expectSame(decoder.next(), protocol === 3 ? value : inProtocol2(value));
      expect(decoder.next()).toBe(undefined);
    }),
    { numRuns: 1000 },
  );
});

it('what is encoded as a command is scanned to the same words', () => {
  const scanner = new RequestScanner();
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 200 }), (words) => {
      const frame = encodeCommand(words);
      expect(scanner.scan(frame, 0, frame.length - 1)).toBe(INCOMPLETE);
      expect(scanner.scan(frame, 0, frame.length)).toBe(frame.length);
      const { argc, argStart, argEnd } = scanner;
      const read = Array.from({ length: argc }, (_, i) => frame.subarray(argStart[i], argEnd[i]));
      expectSame(
        read.map((word) => word.toString('hex')),
        words.map((word) => word.toString('hex')),
      );
    }),
  );
});

it('an inline command re-encoded is the same command', () => {
  const scanner = new RequestScanner();
  const text = Buffer.from(`SET "a key" 'it\\'s' \\x\r\n`);
  const end = scanner.scan(text, 0, text.length);
  const words = splitInline(text, 0, end) ?? [];
  const frame = encodeCommand(words);
  expect(frame.toString()).toBe("*4\r\n$3\r\nSET\r\n$5\r\na key\r\n$4\r\nit's\r\n$2\r\n\\x\r\n");
  expect(scanner.scan(frame, 0, frame.length)).toBe(frame.length);
  expect(scanner.argc).toBe(4);
});
