import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameWords, NOT_PLAIN, rangeEnd, rangeStart } from './word-list.ts';

/** The words as a frame: what stands between them does not matter. */
function framed(words: readonly (string | Uint8Array)[], first = 0): FrameWords {
  const starts: number[] = [];
  const ends: number[] = [];
  let frame = Buffer.from('*9\r\n');
  for (const word of words) {
    starts.push(frame.length + 4);
    frame = Buffer.concat([frame, Buffer.from('$1\r\n'), Buffer.from(word), Buffer.from('\r\n')]);
    ends.push(frame.length - 2);
  }
  const layout = { starts: Int32Array.from(starts), ends: Int32Array.from(ends) };
  return new FrameWords(frame, layout, first);
}

describe('the words of a frame', () => {
  it('are those that were sent, from the first one asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.nat(3), (words, first) => {
        const list = framed(words, first);
        const wanted = words.slice(first);
        expect(list.length).toBe(wanted.length);
        expect(wanted.map((_, i) => list.textAt(i))).toEqual(wanted);
        expect(wanted.map((_, i) => Buffer.from(list.bytesAt(i)).toString())).toEqual(wanted);
        expect(list.textAt(wanted.length)).toBeUndefined();
        expect(list.firstNotUtf8()).toBe(-1);
      }),
    );
  });

  it('are slot ranges in their usual form, or to be looked at', () => {
    fc.assert(
      fc.property(fc.nat(16_383), fc.nat(16_383), (start, end) => {
        const packed = framed([`${start}-${end}`]).rangeAt(0);
        expect([rangeStart(packed), rangeEnd(packed)]).toEqual([start, end]);
      }),
    );
    const others = [
      '',
      '-',
      '1-',
      '-1',
      '1',
      '1-2-3',
      '16384-1',
      '1-16384',
      '000001-2',
      '1-000002',
    ];
    for (const word of [...others, 'a-b', '1- 2', '1-2 ', '+1-2', '1:2', '99999-1', '1-2\u0000']) {
      const list = framed([word]);
      expect([word, list.rangeAt(0)]).toEqual([word, NOT_PLAIN]);
    }
    expect(framed(['1-2']).rangeAt(1)).toBe(NOT_PLAIN);
    expect(framed(['00001-00002']).rangeAt(0)).toBe((1 << 14) | 2);
  });

  it('tell which one is not UTF-8, whatever follows', () => {
    const bad = Uint8Array.of(0xc3);
    const ends = ['a', bad, 'b', bad];
    expect(framed(ends).firstNotUtf8()).toBe(1);
    expect(framed(['é', 'ü', bad]).firstNotUtf8()).toBe(2);
    expect(framed(['a', ...ends], 1).firstNotUtf8()).toBe(1);
  });
});
