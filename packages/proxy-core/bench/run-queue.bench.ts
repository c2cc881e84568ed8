// The queue of who is owed the next replies. `pnpm bench micro` runs it.
import { RunQueue } from '../src/core/run-queue.ts';
import type { MicroCase } from './micro-case.ts';

const OPERATIONS = 1000;
const DEPTH = 50;

function pushAndTake(name: string, canMerge: boolean): MicroCase {
  const queue = new RunQueue<object>();
  const sinks = Array.from({ length: DEPTH }, () => ({}));
  for (const sink of sinks) queue.push(sink, 1, canMerge);
  let at = 0;
  const run = (): number => {
    for (let i = 0; i < OPERATIONS; i++) {
      queue.push(sinks[at]!, 1, canMerge);
      if (queue.headSink() === null) throw new Error('the queue is empty');
      queue.take(1);
      if (++at === DEPTH) at = 0;
    }
    return queue.total;
  };
  return { name: `run queue: push, head, take; ${name}`, operations: OPERATIONS, run };
}

function mergeAndTake(): MicroCase {
  const queue = new RunQueue<object>();
  const sink = {};
  const run = (): number => {
    for (let i = 0; i < OPERATIONS; i++) queue.push(sink, 1, true);
    queue.take(queue.headCount());
    return queue.total;
  };
  return { name: 'run queue: pushes that merge', operations: OPERATIONS, run };
}

export const cases: readonly MicroCase[] = [
  pushAndTake('50 clients', true),
  pushAndTake('50 clients, no merging', false),
  mergeAndTake(),
];
