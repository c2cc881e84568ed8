import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@undermoon/runtime/node';
import { expect, test } from 'vitest';
import { LoadWatch } from './load-watch.ts';
import {
  CLIENT_READS,
  CLIENTS_ACTIVE,
  COMMANDS_PROCESSED,
  LoopCounters,
  NET_INPUT_BYTES,
} from './loop-counters.ts';
import { RequestGathering } from './request-gathering.ts';

const lanes = { usual: 2, large: 12 };

function watched(mayModerate: boolean) {
  const all = new LoopCounters(1);
  const counters = all.of(0);
  const gathering = new RequestGathering(systemClock);
  const watch = new LoadWatch(counters, gathering, { lanes, mayModerate });
  const load = (requests: number, clients: number): void => {
    counters[COMMANDS_PROCESSED]! += requests;
    counters[CLIENT_READS]! += requests;
    counters[NET_INPUT_BYTES]! += requests * 40;
    counters[CLIENTS_ACTIVE]! += clients;
  };
  return { all, gathering, watch, load };
}

/** Works and waits until it has worked for this share of the time. */
async function work(share: number): Promise<void> {
  const start: EventLoopUtilization = performance.eventLoopUtilization();
  burn(30);
  for (;;) {
    const { utilization } = performance.eventLoopUtilization(start);
    if (Math.abs(utilization - share) < 0.03) return;
    if (utilization > share) await delay(2);
    else burn(2);
  }
}

function burn(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('a busy loop with many clients moderates and uses one lane, until it is quiet', async () => {
  const { all, gathering, watch, load } = watched(true);
  load(6000, 50);
  await work(0.75);
  expect(watch.next(50)).toBe(1);
  expect(gathering.isModerated).toBe(true);
  load(1000, 5);
  await work(0.2);
  expect(watch.next(50)).toBe(2);
  expect(gathering.isModerated).toBe(false);
  expect(all.stats().requestPauses).toBe(0);
});

test('pauses are counted, and are no work', async () => {
  const { all, gathering, watch, load } = watched(true);
  const startMs = performance.now();
  load(6000, 50);
  await work(0.75);
  gathering.pauses = 1000;
  gathering.pausedMs = (performance.now() - startMs) * 0.2;
  watch.next(50);
  expect(all.stats().requestPauses).toBe(1000);
  expect(gathering.isModerated).toBe(false);
});

test('clients that are gone do not count', async () => {
  const { gathering, watch, load } = watched(true);
  load(6000, 6000);
  await work(0.75);
  expect(watch.next(5)).toBe(2);
  expect(gathering.isModerated).toBe(false);
});

test('a loop that may not moderate still uses one lane for many clients', async () => {
  const { gathering, watch, load } = watched(false);
  load(6000, 50);
  await work(0.75);
  expect(watch.next(50)).toBe(1);
  expect(gathering.isModerated).toBe(false);
});
