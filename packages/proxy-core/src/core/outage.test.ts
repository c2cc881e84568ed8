import { expect, test } from 'vitest';
import { Outage } from './outage.ts';

const LIMITS = { waitMs: 1000, retryDelayMs: 100 };

test('commands wait from the moment the server is missed, later ones not at all', () => {
  const outage = new Outage(LIMITS);
  expect(outage.isOn).toBe(false);
  expect(outage.onWanted(5000)).toBe(true);
  expect([outage.isOn, outage.deadlineMs]).toEqual([true, 6000]);
  outage.onRefused(5000);
  expect(outage.onWanted(5999)).toBe(true);
  expect(outage.onWanted(6000)).toBe(false);
  outage.onConnected(7000);
  outage.onAnswered();
  expect(outage.isOn).toBe(false);
});

test('attempts come less and less often, up to once a second', () => {
  const outage = new Outage(LIMITS);
  const gaps: number[] = [];
  let nowMs = 0;
  for (let i = 0; i < 12; i++) {
    outage.onRefused(nowMs);
    const from = nowMs;
    while (!outage.mayConnect(nowMs)) nowMs += 10;
    gaps.push(nowMs - from);
  }
  expect(gaps).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1000, 1000]);
});

test('a connection that worked is replaced at once', () => {
  const outage = new Outage(LIMITS);
  outage.onWanted(0);
  outage.onConnected(0);
  outage.onAnswered();
  outage.onBroken(50);
  expect(outage.mayConnect(50)).toBe(true);
  expect(outage.onWanted(60)).toBe(true);
  expect(outage.deadlineMs).toBe(1060);
});

test('a server that accepts connections and closes them is one outage', () => {
  const outage = new Outage(LIMITS);
  outage.onWanted(0);
  for (let nowMs = 0; nowMs < 1000; nowMs += 300) {
    outage.onConnected(nowMs);
    outage.onBroken(nowMs + 10);
    expect(outage.mayConnect(nowMs + 10)).toBe(false);
    expect(outage.deadlineMs).toBe(1000);
  }
  expect(outage.onWanted(1000)).toBe(false);
});

test('without a time to wait nothing waits for long', () => {
  const outage = new Outage({ waitMs: 0, retryDelayMs: 100 });
  expect(outage.onWanted(0)).toBe(false);
  expect([outage.isOn, outage.deadlineMs]).toEqual([false, Infinity]);
});
