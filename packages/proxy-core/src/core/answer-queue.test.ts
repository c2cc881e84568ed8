import { expect, test } from 'vitest';
import { AnswerQueue } from './answer-queue.ts';

test('those who wait go on when what was open is answered, in order', () => {
  const queue = new AnswerQueue<number>();
  const done: string[] = [];
  queue.add(1);
  queue.awaitOpen(() => done.push('one'));
  queue.add(2);
  queue.add(3);
  queue.awaitOpen(() => done.push('three'));
  expect([queue.head, queue.openCount]).toEqual([1, 3]);
  queue.answered();
  expect(done).toEqual(['one']);
  queue.answered();
  queue.answered();
  expect(done).toEqual(['one', 'three']);
  expect([queue.head, queue.openCount]).toEqual([undefined, 0]);
});

test('before the beginning they wait for the first requests', () => {
  const queue = new AnswerQueue<number>();
  const done: string[] = [];
  queue.awaitBegin(() => done.push('a'));
  queue.add(1);
  queue.begin();
  expect(done).toEqual([]);
  queue.answered();
  expect(done).toEqual(['a']);
});

test('when the connection ends nobody waits on, and many requests are answered one by one', () => {
  const queue = new AnswerQueue<number>();
  let count = 0;
  for (let i = 0; i < 5000; i++) queue.add(i);
  for (let i = 0; i < 3000; i++) {
    expect(queue.head).toBe(i);
    queue.answered();
  }
  queue.awaitOpen(() => count++);
  queue.clear();
  expect([count, queue.openCount]).toEqual([1, 0]);
});
