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
  const time = { active: 1000, idle: 9000 };
  const watch = new LoadWatch(counters, gathering, {
    lanes,
    mayModerate,
    time: () => ({ ...time }),
  });
  const load = (requests: number, clients: number, activeMs: number): void => {
    counters[COMMANDS_PROCESSED]! += requests;
    counters[CLIENT_READS]! += requests;
    counters[NET_INPUT_BYTES]! += requests * 40;
    counters[CLIENTS_ACTIVE]! += clients;
    time.active += activeMs;
    time.idle += 100 - activeMs;
  };
  return { all, gathering, watch, load };
}

test('a busy loop with many clients moderates and uses one lane, until it is quiet', () => {
  const { all, gathering, watch, load } = watched(true);
  load(6000, 50, 75);
  expect(watch.next(50)).toBe(1);
  expect(gathering.isModerated).toBe(true);
  load(1000, 5, 20);
  expect(watch.next(50)).toBe(2);
  expect(gathering.isModerated).toBe(false);
  expect(all.stats().requestPauses).toBe(0);
});

test('pauses are counted, and are no work', () => {
  const { all, gathering, watch, load } = watched(true);
  load(6000, 50, 75);
  gathering.pauses = 300;
  gathering.pausedMs = 20;
  watch.next(50);
  expect(all.stats().requestPauses).toBe(300);
  expect(gathering.isModerated).toBe(false);
});

test('clients that are gone do not count', () => {
  const { gathering, watch, load } = watched(true);
  load(6000, 6000, 75);
  expect(watch.next(5)).toBe(2);
  expect(gathering.isModerated).toBe(false);
});

test('a loop that may not moderate still uses one lane for many clients', () => {
  const { gathering, watch, load } = watched(false);
  load(6000, 50, 75);
  expect(watch.next(50)).toBe(1);
  expect(gathering.isModerated).toBe(false);
});
