import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitInline } from './inline.ts';

function split(line: string): string[] | null {
  const bytes = Buffer.from(line, 'latin1');
  return splitInline(bytes, 0, bytes.length)?.map((word) => word.toString('latin1')) ?? null;
}

describe('splitInline', () => {
  // Checked against the answers of a Redis server to `ECHO …`.
  it.each([
    ['', []],
    [' \t\r\n', []],
    ['GET key\r\n', ['GET', 'key']],
    ['  GET \t key  \n', ['GET', 'key']],
    ['a\rb', ['a', 'b']],
    ['\x0bq\x0cr', ['q\x0cr']],
    ['"a b"  \'c d\'', ['a b', 'c d']],
    ['""', ['']],
    ["''", ['']],
    ['a"b c"', ['ab c']],
    ['"\\n\\r\\t\\b\\a\\q\\\\\\""', ['\n\r\t\b\x07q\\"']],
    ['"\\x41\\xFf\\x4"', ['A\xffx4']],
    ['"\\xg1"', ['xg1']],
    ["'a\\'b\\n'", ["a'b\\n"]],
    ['back\\slash', ['back\\slash']],
    ['\x00nul\x00', ['\x00nul\x00']],
  ])('%j', (line, words) => {
    expect(split(line)).toStrictEqual(words);
  });

  it.each(['"a', "'a", '"a\r\n', '"a"b', "'a'b", '"\\"', "'\\'", '"\\x4', '"\\', 'x "', '"a""b"'])(
    'refuses %j, whose quotes are unbalanced',
    (line) => {
      expect(split(line)).toBe(null);
    },
  );

  it('reads only from pos to end, and gives copies', () => {
    const bytes = Buffer.from('"GET k"');
    expect(splitInline(bytes, 1, 6)).toStrictEqual([Buffer.from('GET'), Buffer.from('k')]);
    const [get] = splitInline(bytes, 1, 4) ?? [];
    bytes.fill(0);
    expect(get).toStrictEqual(Buffer.from('GET'));
  });

  it('gives back all words that were quoted', () => {
    const quoted = (word: Uint8Array): string =>
      `"${Array.from(word, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (words) => {
        const line = words.map(quoted).join(' ');
        expect(split(line)).toStrictEqual(
          words.map((word) => Buffer.from(word).toString('latin1')),
        );
      }),
    );
  });
});
