import { expect, test } from 'vitest';
import { systemClock } from '@undermoon/runtime/node';
import { RequestGathering } from './request-gathering.ts';

/** A turn in which a client connects. */
interface Connecting {
  readonly count: number;
}

function connecting(count: number): Connecting {
  return { count };
}

/** Gathers as many requests as each number says, one turn after the other, and tells in which turn they left. */
async function turnsOf(...turns: (number | Connecting)[]): Promise<number[]> {
  return turnsOfGathering(new RequestGathering(systemClock), turns);
}

async function turnsOfGathering(
  gathering: RequestGathering,
  turns: readonly (number | Connecting)[],
): Promise<number[]> {
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
  for (turn = 1; turn <= turns.length + 3; turn++) {
    const now = turns[turn - 1] ?? 0;
    if (typeof now !== 'number') gathering.expect();
    for (let i = 0; i < (typeof now === 'number' ? now : now.count); i++) {
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

test('while clients connect, single requests wait for those of four turns', async () => {
  const storm = Array.from({ length: 10 }, () => connecting(1));
  expect(await turnsOf(...storm)).toEqual([5, 10]);
  expect(await turnsOf(connecting(1), connecting(1), 1, 1)).toEqual([3, 4]);
  expect(await turnsOf(connecting(0), 1)).toEqual([3]);
});

test('a loop that moderates pauses once, and what came meanwhile leaves as well', async () => {
  const gathering = new RequestGathering(systemClock);
  gathering.isModerated = true;
  expect(await turnsOfGathering(gathering, [1, 3, 2, 2])).toEqual([2, 4]);
  expect(gathering.pauses).toBe(2);
  expect(gathering.pausedMs).toBeGreaterThan(0.02);
  expect(await turnsOfGathering(gathering, [connecting(1), connecting(1), 0, 1])).toEqual([2, 5]);
  expect(gathering.pauses).toBe(4);
});

test('it does not pause when enough has come together', async () => {
  const gathering = new RequestGathering(systemClock);
  gathering.isModerated = true;
  expect(await turnsOfGathering(gathering, [64])).toEqual([1]);
  expect(gathering.pauses).toBe(0);
});

test('what is flushed may gather more, for the next turn', async () => {
  const gathering = new RequestGathering(systemClock);
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
