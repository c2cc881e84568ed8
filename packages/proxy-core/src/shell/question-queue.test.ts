import { expect, test } from 'vitest';
import { QuestionQueue } from './question-queue.ts';

test('a question waits for the clients on their way, and later ones wait behind it', () => {
  const answered: number[] = [];
  const queue = new QuestionQueue((number) => answered.push(number));
  queue.add(1, { kind: 'unpause' }, []);
  expect(answered).toEqual([1]);
  queue.add(2, { kind: 'unpause' }, [7, 8]);
  queue.add(3, { kind: 'unpause' }, [8]);
  queue.onArrival(8);
  expect(answered).toEqual([1]);
  queue.onArrival(7);
  expect(answered).toEqual([1, 2, 3]);
  queue.onArrival(7);
  expect(answered).toEqual([1, 2, 3]);
});
