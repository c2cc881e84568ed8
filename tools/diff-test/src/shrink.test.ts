import { expect, test } from 'vitest';
import { type Batch, plainUnit, requestOf, textOfProgram } from './program.ts';
import { shrink } from './shrink.ts';

function batchOf(...names: readonly string[]): Batch {
  const units = names.map((name) =>
    plainUnit(0, requestOf([Buffer.from(name)], false), 'exact', []),
  );
  return { units, cutSeed: 1 };
}

const PROGRAM = Array.from({ length: 40 }, (_, i) => batchOf(`a${i}`, `b${i}`, `c${i}`));

test('only what the difference needs is left, each request by itself', async () => {
  const found = await shrink(
    PROGRAM,
    (program) => Promise.resolve(/b3 .*c20/.test(textOfProgram(program).join(' '))),
    500,
  );
  expect(textOfProgram(found)).toEqual(['[0] b3', '[0] c20']);
  expect(found.map(({ units }) => units.length)).toEqual([1, 1]);
});

test('requests that differ in one pipeline only stay in it', async () => {
  const found = await shrink(
    PROGRAM,
    (program) =>
      Promise.resolve(
        program.some((batch) => {
          const text = textOfProgram([batch]).join(' ');
          return text.includes('a5') && text.includes('c5');
        }),
      ),
    500,
  );
  expect(textOfProgram(found)).toEqual(['[0] a5', '[0] c5']);
  expect(found).toHaveLength(1);
});

test('a limit of tries ends the search with what was found', async () => {
  let tries = 0;
  const found = await shrink(
    PROGRAM,
    () => {
      tries++;
      return Promise.resolve(false);
    },
    3,
  );
  expect(tries).toBe(3);
  expect(found).toEqual(PROGRAM);
});
