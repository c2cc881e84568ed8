import { encodeCommand, RequestScanner } from '@undermoon/resp';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommandHeads } from './command-heads.ts';

const GET = '*2\r\n$3\r\nGET\r\n';

function learned(...heads: readonly (readonly [head: string, argc: number])[]): CommandHeads {
  const known = new CommandHeads();
  for (const [head, argc] of heads) known.learn(Buffer.from(head), 0, head.length, argc);
  return known;
}

function find(known: CommandHeads, text: string, pos = 0, end = text.length): number {
  return known.find(Buffer.from(text), pos, end);
}

test('a command that begins like one before is known by that', () => {
  const known = learned([GET, 2], ['*3\r\n$3\r\nSET\r\n', 3]);
  expect(find(known, `${GET}$1\r\nk\r\n`)).toBe(GET.length);
  expect(known.argsLeft).toBe(1);
  expect(find(known, `${GET}*3\r\n$3\r\nSET\r\n$1\r\n`, GET.length)).toBe(GET.length * 2);
  expect(known.argsLeft).toBe(2);
});

test.each([
  ['another case', '*2\r\n$3\r\nget\r\n$1\r\nk\r\n'],
  ['another count', '*3\r\n$3\r\nGET\r\n$1\r\nk\r\n'],
  ['another name', '*2\r\n$3\r\nGEX\r\n$1\r\nk\r\n'],
  ['a longer name', '*2\r\n$4\r\nGETX\r\n$1\r\nk\r\n'],
  ['a line end that is none', '*2\r\n$3\r\nGET\r\r$1\r\nk\r\n'],
  ['an inline command', 'GET key and more'],
])('%s is not', (_, text) => {
  expect(find(learned([GET, 2]), text)).toBe(-1);
});

test('a head that is not here as a whole is not', () => {
  for (let end = 0; end < GET.length; end++) expect(find(learned([GET, 2]), GET, 0, end)).toBe(-1);
});

test('what is too long to be kept is not', () => {
  const head = `*2\r\n$22\r\n${'x'.repeat(22)}\r\n`;
  expect(find(learned([head, 2]), head)).toBe(-1);
  const longest = `*2\r\n$21\r\n${'x'.repeat(21)}\r\n`;
  expect(longest).toHaveLength(32);
  expect(find(learned([longest, 2]), longest)).toBe(32);
});

test('the later one of two that share a place is kept', () => {
  // The place is told by the first two letters.
  const known = learned([GET, 2], ['*2\r\n$3\r\nGEX\r\n', 2]);
  expect(find(known, GET)).toBe(-1);
  expect(find(known, '*2\r\n$3\r\nGEX\r\n')).toBe(GET.length);
});

test('with the rest scanned, a frame ends where the scanner alone says', () => {
  const scanner = new RequestScanner();
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 2, maxLength: 4 })), (commands) => {
      const known = new CommandHeads();
      const chunk = Buffer.concat(commands.map((words) => encodeCommand(words)));
      let pos = 0;
      for (const words of commands) {
        const rest = known.find(chunk, pos, chunk.length);
        const restEnd = rest < 0 ? -1 : scanner.scanRest(chunk, rest, chunk.length, known.argsLeft);
        const key = chunk.toString('latin1', scanner.argStart[0], scanner.argEnd[0]);
        const end = scanner.scan(chunk, pos, chunk.length);
        if (rest >= 0) {
          expect(restEnd).toBe(end);
          expect(key).toBe(Buffer.from(words[1] ?? '').toString('latin1'));
        }
        known.learn(chunk, pos, (scanner.argEnd[0] ?? 0) + 2, scanner.argc);
        pos = end;
      }
    }),
  );
});
