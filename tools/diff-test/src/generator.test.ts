import { describe, expect, test } from 'vitest';
import { readCommandList } from './command-list.ts';
import { commandsWithoutGenerator, ProgramGenerator } from './generator.ts';
import { GRAMMAR } from './grammar.ts';
import { parseGrammar } from './grammar-parser.ts';
import { textOfProgram } from './program.ts';

function programOf(seed: number): string[] {
  const generator = new ProgramGenerator(seed, readCommandList());
  return textOfProgram(Array.from({ length: 200 }, () => generator.nextBatch()));
}

describe('the generator', () => {
  test('can make every command that the proxy supports', () => {
    // Add lines for these to grammar.ts, or a scene to scenes.ts.
    expect(commandsWithoutGenerator(readCommandList())).toEqual([]);
  });

  test('has lines for commands that exist only', () => {
    const { arities } = readCommandList();
    const unknown = parseGrammar(GRAMMAR).filter(({ command }) => !arities.has(command));
    expect(unknown.map(({ command }) => command)).toEqual([]);
  });

  test('depends on nothing but its seed', () => {
    expect(programOf(7)).toEqual(programOf(7));
    expect(programOf(7)).not.toEqual(programOf(8));
  });
});

test('a line of the grammar is read with its marks, choices, repeats and rule', () => {
  const [form] = parseGrammar('? ! cmd|sub <k>+ [(A | <v> B)] - + => sorted');
  expect(form).toEqual({
    command: 'cmd|sub',
    parts: [
      { kind: 'repeat', part: { kind: 'word', name: 'k' } },
      {
        kind: 'optional',
        parts: [
          {
            kind: 'choice',
            options: [
              [{ kind: 'literal', text: 'A' }],
              [
                { kind: 'word', name: 'v' },
                { kind: 'literal', text: 'B' },
              ],
            ],
          },
        ],
      },
      { kind: 'literal', text: '-' },
      { kind: 'literal', text: '+' },
    ],
    rule: 'sorted',
    isDamageable: false,
    isUnconditional: true,
  });
  expect(() => parseGrammar('cmd (a')).toThrow(/no \) in "cmd \(a"/);
  expect(() => parseGrammar('cmd => guess')).toThrow(/unknown rule in "cmd => guess"/);
});
