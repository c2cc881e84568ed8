import { deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusalOf, valueOf } from '../../test/outcomes.ts';
import { compressJson, decompressJson } from './compress.ts';

const LIMIT = 1024 * 1024;
const pack = (bytes: string | Uint8Array): string => gzipSync(bytes).toString('base64');

describe('compressed JSON', () => {
  it('comes back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(valueOf(decompressJson(compressJson(value), LIMIT))).toEqual(expected);
      }),
    );
  });

  it('is the same text for the same value', () => {
    expect(compressJson({ a: 1 })).toBe(compressJson({ a: 1 }));
  });

  it('may be as long as the limit', () => {
    const text = JSON.stringify('x'.repeat(LIMIT - 2));
    expect(valueOf(decompressJson(pack(text), LIMIT))).toHaveLength(LIMIT - 2);
    expect(refusalOf(decompressJson(pack(`${text} `), LIMIT))).toBe(
      `InvalidArgs: payload: inflates to more than ${LIMIT} bytes`,
    );
  });

  it('is refused when a small text inflates to far more than the limit', () => {
    const bomb = pack(Buffer.alloc(64 * LIMIT));
    expect(bomb.length).toBeLessThan(LIMIT / 4);
    expect(refusalOf(decompressJson(bomb, LIMIT))).toContain('inflates to more than');
  });

  it('is refused unread when the text alone is over the limit', () => {
    expect(refusalOf(decompressJson('A'.repeat(2 * LIMIT + 4), LIMIT))).toBe(
      `InvalidArgs: payload: ${2 * LIMIT + 4} characters of base64, over the limit`,
    );
  });

  it('is JSON of any depth, without exhausting the stack', () => {
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
    expect(decompressJson(pack(deep), LIMIT).ok).toBe(true);
  });

  const valid = pack('{"a":"???>>>"}');
  it.each([
    ['', 'not padded standard base64'],
    ['!!!!', 'not padded standard base64'],
    [`${valid} `, 'not padded standard base64'],
    [`\n${valid}`, 'not padded standard base64'],
    [valid.replace(/=+$/, ''), 'not padded standard base64'],
    [Buffer.from([251, 255, 254]).toString('base64url'), 'not padded standard base64'],
    [deflateSync('{}').toString('base64'), 'not gzip'],
    [Buffer.from('{}').toString('base64'), 'not gzip'],
    [pack('{"a":'), 'not JSON'],
    [pack(''), 'not JSON'],
    [pack(Buffer.from([34, 0xc3, 34])), 'not JSON'],
  ])('refuses %j: %s', (text, message) => {
    expect(refusalOf(decompressJson(text, LIMIT))).toContain(message);
  });

  it('is refused when cut anywhere, and never throws when altered', () => {
    const packed = gzipSync(JSON.stringify({ some: 'value', list: [1, 2, 3] }));
    for (let end = 0; end < packed.length; end++) {
      expect(decompressJson(packed.subarray(0, end).toString('base64'), LIMIT).ok).toBe(false);
    }
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.nat(255), (at, byte) => {
        const altered = Buffer.from(packed);
        altered[at] = byte;
        expect(decompressJson(altered.toString('base64'), LIMIT)).toHaveProperty('ok');
      }),
    );
  });
});
