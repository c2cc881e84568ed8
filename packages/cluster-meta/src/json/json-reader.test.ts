import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/outcomes.ts';
import { finishSlices, SliceMeter } from '../slices.ts';
import type { WordsOutcome } from '../umctl/word-cursor.ts';
import { readJson } from './json-reader.ts';

function read(text: string | Uint8Array): WordsOutcome<unknown> {
  return finishSlices(readJson(Buffer.from(text), new SliceMeter()));
}

/** What JSON.parse says, in the same form. */
function parsed(text: string): unknown {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false, code: 'InvalidArgs', message: 'payload: not JSON in UTF-8' };
  }
}

describe('JSON read in slices', () => {
  it('is what JSON.parse makes of it', () => {
    const spaced = fc.tuple(fc.jsonValue(), fc.constantFrom('', ' ', '\t', '\r\n', 3));
    fc.assert(
      fc.property(spaced, ([value, indent]) => {
        const text = JSON.stringify(value, null, indent);
        expect(read(text)).toEqual(parsed(text));
      }),
    );
  });

  it('is refused exactly where JSON.parse refuses it', () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat(2),
      insert: fc.constantFrom(
        '',
        ...'[]{}:,"\\ -+.eE019ntf\u0000\n\u00e9'.split(''),
        'true',
        '\\u12',
        '1e',
      ),
    });
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(edit, { maxLength: 3 }), (value, edits) => {
        let text = JSON.stringify(value);
        for (const { at, remove, insert } of edits) {
          const from = at % (text.length + 1);
          text = text.slice(0, from) + insert + text.slice(from + remove);
        }
        // Cuts a surrogate pair as an encoder would.
        text = Buffer.from(text).toString();
        expect(read(text)).toEqual(parsed(text));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    '',
    ' ',
    '01',
    '-',
    '-0',
    '1.',
    '.5',
    '1e5',
    '1E+5',
    '-1.5e-3',
    '123456789',
    '1234567890123',
    '[1,]',
    '[1,2]',
    '[01,2]',
    '[1,02]',
    '[0,0]',
    '[,]',
    '[123456789,1]',
    '[1,1234567890]',
    '[1,2.5]',
    '[1,2',
    '[,1]',
    '{"a":1,}',
    '{"a"}',
    '{"a":1 "b":2}',
    '{a:1}',
    '[1}',
    '{"a":1]',
    '"\\ud83d\\ude00"',
    '"\\x"',
    '"a\u0001"',
    '"\\"',
    'nul',
    'nulll',
    'true false',
    '[] []',
    ' { "a" : [ 1 , { } , [ ] ] } ',
    '{"a":1,"a":2,"1":3,"0":4}',
  ])('agrees about %j', (text) => {
    expect(read(text)).toEqual(parsed(text));
  });

  it('keeps a member named __proto__ as a member', () => {
    const outcome = read('{"__proto__":{"x":1},"a":2}');
    expect(outcome.ok && Object.entries(outcome.value as object)).toEqual([
      ['__proto__', { x: 1 }],
      ['a', 2],
    ]);
  });

  it('skips a byte order mark, and refuses what is not UTF-8', () => {
    expect(read('\ufeff[1]')).toMatchObject({ value: [1] });
    expect(refusalOf(read(Uint8Array.of(0x22, 0xc3, 0x22)))).toContain('not JSON in UTF-8');
  });

  it('refuses texts and objects past every use', () => {
    const text = 'x'.repeat(1024 * 1024);
    expect(read(`"${text}"`).ok).toBe(true);
    expect(refusalOf(read(`"${text}x"`))).toContain('a text of more than 1048576 bytes');
    const members = (count: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, 0])));
    expect(read(members(65_536)).ok).toBe(true);
    expect(refusalOf(read(members(65_537)))).toContain('an object of more than 65536 members');
  });
});
