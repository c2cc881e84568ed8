import { expect, test } from 'vitest';
import { RequestGathering } from './request-gathering.ts';

/** Gathers as many requests as each number says, one turn after the other, and tells in which turn they left. */
async function turnsOf(...counts: number[]): Promise<number[]> {
  const gathering = new RequestGathering();
  const leftIn: number[] = [];
  let turn = 0;
  let isGathered = false;
  const flush = {
    flushTurn: (): void => {
      isGathered = false;
      leftIn.push(turn);
    },
  };
  // Whoever reads sockets does so before the immediates of a turn.
  for (turn = 1; turn <= counts.length + 3; turn++) {
    for (let i = 0; i < (counts[turn - 1] ?? 0); i++) {
      gathering.gather(isGathered ? null : flush);
      isGathered = true;
    }
    await nextTurn();
  }
  return leftIn;
}

test('a single request leaves at the end of its turn', async () => {
  expect(await turnsOf(1)).toEqual([1]);
  expect(await turnsOf(1, 1, 1)).toEqual([1, 2, 3]);
});

test('several wait for those of the next turn, and leave when it brings hardly any', async () => {
  expect(await turnsOf(2)).toEqual([2]);
  expect(await turnsOf(5, 1)).toEqual([2]);
  expect(await turnsOf(5, 3)).toEqual([3]);
});

test('nothing waits longer than two turns', async () => {
  expect(await turnsOf(2, 2, 2, 2, 2, 2)).toEqual([3, 6]);
});

test('many leave at once', async () => {
  expect(await turnsOf(64)).toEqual([1]);
  expect(await turnsOf(32, 32)).toEqual([2]);
});

test('what is flushed may gather more, for the next turn', async () => {
  const gathering = new RequestGathering();
  const names: string[] = [];
  const again = { flushTurn: () => names.push('again') };
  const first = {
    flushTurn: () => {
      names.push('first');
      gathering.gather(again);
    },
  };
  const second = { flushTurn: () => names.push('second') };
  gathering.gather(first);
  gathering.gather(second);
  await nextTurn();
  expect(names).toEqual([]);
  await nextTurn();
  expect(names).toEqual(['first', 'second']);
  await nextTurn();
  expect(names).toEqual(['first', 'second', 'again']);
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
