import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunQueue } from './run-queue.ts';

test('consecutive runs of one sink merge, others keep their order', () => {
  const queue = new RunQueue<string>();
  queue.push('a', 3, true);
  queue.push('a', 2, true);
  queue.push('b', 1, true);
  queue.push('a', 1, true);
  expect(queue.total).toBe(7);
  expect([queue.headSink(), queue.headCount()]).toEqual(['a', 5]);
  queue.take(4);
  expect([queue.headSink(), queue.headCount()]).toEqual(['a', 1]);
  queue.take(1);
  expect([queue.headSink(), queue.headCount()]).toEqual(['b', 1]);
  queue.take(1);
  expect([queue.headSink(), queue.headCount(), queue.total]).toEqual(['a', 1, 1]);
  queue.take(1);
  expect([queue.headSink(), queue.headCount(), queue.total]).toEqual([null, 0, 0]);
});

test('a run that must not merge is delivered on its own', () => {
  const queue = new RunQueue<string>();
  queue.push('a', 2, true);
  queue.push('a', 3, false);
  expect(queue.headCount()).toBe(2);
  queue.take(2);
  expect([queue.headSink(), queue.headCount()]).toEqual(['a', 3]);
});

test('behaves as a plain list of owed replies, across growth and wrap-around', () => {
  const operation = fc.oneof(
    fc.record({
      push: fc.constantFrom('a', 'b', 'c', 'd'),
      count: fc.integer({ min: 1, max: 5 }),
      merge: fc.boolean(),
    }),
    fc.record({ take: fc.integer({ min: 1, max: 9 }) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 600 }), (operations) => {
      const queue = new RunQueue<string>();
      const model: string[] = [];
      for (const step of operations) {
        if ('push' in step) {
          queue.push(step.push, step.count, step.merge);
          for (let i = 0; i < step.count; i++) model.push(step.push);
        } else {
          for (let i = 0; i < step.take && model.length > 0; i++) {
            expect(queue.headSink()).toBe(model[0]);
            queue.take(1);
            model.shift();
          }
        }
        expect(queue.total).toBe(model.length);
        expect(queue.headSink()).toBe(model[0] ?? null);
      }
    }),
  );
});
