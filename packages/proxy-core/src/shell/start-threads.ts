import { isMainThread } from 'node:worker_threads';
import type { ProxyOptions } from '../options.ts';
import { LoopCounters } from './loop-counters.ts';
import type { LoopOptions } from './loop-messages.ts';
import { LOOP_WORKER, LoopThread, type LoopThreadEvents } from './loop-thread.ts';
import type { TransportFactory } from './transport.ts';

/** The loops of a proxy besides the first, and the memory that all of them share. */
export interface ExtraLoops {
  readonly threads: readonly LoopThread[];
  readonly counters: LoopCounters;
  /** See `Gate`. */
  readonly gateWord: Int32Array;
}

/** Starts the threads that the options ask for; none where they do not work, with a warning. */
export async function startThreads(
  options: ProxyOptions,
  transports: TransportFactory,
  events: LoopThreadEvents,
  file: URL = LOOP_WORKER,
): Promise<ExtraLoops> {
  const { threads: loopCount, logger } = options;
  const counters = new LoopCounters(loopCount);
  const gateWord = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  if (loopCount === 1) return { threads: [], counters, gateWord };
  // Elsewhere the end of the thread could close a descriptor of others: see docs/decisions/0009.
  if (transports.kind !== 'raw-handle' || !isMainThread) {
    logger.warn(
      { sockets: transports.kind, isMainThread },
      'more than one event loop is not possible',
    );
    return { threads: [], counters, gateWord };
  }
  const started = await Promise.all(
    Array.from({ length: loopCount - 1 }, (_, i) => {
      const loopIndex = i + 1;
      const boot = {
        options: cloneable(options),
        loopIndex,
        gateWord,
        counters: counters.of(loopIndex),
      };
      return LoopThread.start({ index: loopIndex, file, boot, transports, events, logger });
    }),
  );
  const threads = started.filter((thread) => thread !== null);
  if (threads.length === loopCount - 1) return { threads, counters, gateWord };
  logger.warn({ threads: loopCount }, 'threads do not work here, one event loop is used');
  await endThreads(threads);
  return { threads: [], counters, gateWord };
}

export async function endThreads(threads: readonly LoopThread[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread.end()));
}

function cloneable(options: ProxyOptions): LoopOptions {
  const {
    logger: _logger,
    clock: _clock,
    onShutdown: _shutdown,
    onFailure: _failure,
    ...rest
  } = options;
  return rest;
}
