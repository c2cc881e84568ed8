import { expect, test } from 'vitest';
import {
  forgetLatency,
  type LatencyEvent,
  type LatencyEventName,
  mergeLatency,
  noteLatency,
} from './latency-events.ts';
import { latencyGraph } from './latency-graph.ts';
import { latencyReport } from './latency-report.ts';

function noted(
  ...entries: readonly (readonly [name: LatencyEventName, atSeconds: number, ms: number])[]
): readonly LatencyEvent[] {
  return entries.reduce<readonly LatencyEvent[]>(
    (events, [name, atSeconds, ms]) => noteLatency(events, name, { atSeconds, ms }),
    [],
  );
}

test('the longest of a second is kept, in the order of time', () => {
  const events = noted(
    ['table-swap', 10, 7],
    ['command', 10, 5],
    ['command', 10, 9],
    ['command', 10, 6],
    ['command', 12, 3],
    ['command', 11, 4],
  );
  expect(events.map(({ name }) => name)).toEqual(['command', 'table-swap']);
  expect(events[0]).toEqual({
    name: 'command',
    worstMs: 9,
    samples: [
      { atSeconds: 10, ms: 9 },
      { atSeconds: 11, ms: 4 },
      { atSeconds: 12, ms: 3 },
    ],
  });
});

test('160 samples are kept, and the longest of all times', () => {
  const [event] = noted(
    ...Array.from({ length: 200 }, (_, i) => ['command', i, i === 0 ? 99 : 1] as const),
  );
  expect(event?.samples).toHaveLength(160);
  expect(event?.samples[0]).toEqual({ atSeconds: 40, ms: 1 });
  expect(event?.worstMs).toBe(99);
});

test('events of several loops are one', () => {
  const merged = mergeLatency([
    ...noted(['event-loop', 1, 5], ['event-loop', 2, 8]),
    ...noted(['event-loop', 2, 3], ['event-loop', 3, 4], ['command', 3, 1]),
  ]);
  expect(merged.map(({ name }) => name)).toEqual(['command', 'event-loop']);
  expect(merged[1]?.samples.map(({ ms }) => ms)).toEqual([5, 8, 4]);
});

test('some events are forgotten, or all', () => {
  const events = noted(['command', 1, 5], ['event-loop', 1, 5]);
  const { kept, forgotten } = forgetLatency(events, ['event-loop', 'event-loop', 'nothing']);
  expect(kept.map(({ name }) => name)).toEqual(['command']);
  expect(forgotten.map(({ name }) => name)).toEqual(['event-loop']);
  expect(forgetLatency(events, null)).toEqual({ kept: [], forgotten: events });
});

test('the graph is drawn as by Redis', () => {
  const [event] = noted(['command', 0, 30], ['command', 1, 50], ['command', 200, 90]);
  expect(latencyGraph(event!, 203)).toBe(
    `command - high 90 ms, low 30 ms (all time high 90 ms)\n${'-'.repeat(80)}\n` +
      '  #\n  |\n o|\n_||\n   \n333\nmms\n',
  );
  const [even] = noted(['command', 0, 5], ['command', 90_000, 5]);
  expect(latencyGraph(even!, 100_000).split('\n').slice(2)).toEqual([
    '  ',
    '  ',
    '  ',
    '__',
    '  ',
    '12',
    'dh',
    '',
  ]);
  const [long] = noted(...Array.from({ length: 100 }, (_, i) => ['command', i, i] as const));
  const rows = latencyGraph(long!, 100).split('\n').slice(2);
  const widths = (width: number): readonly number[] => [
    ...Array.from({ length: 8 }, () => width),
    0,
  ];
  expect(rows.map(({ length }) => length)).toEqual([...widths(80), ...widths(20)]);
});

test('the report says what there was, and how the monitor is switched on', () => {
  expect(latencyReport([], 0, 0)).toContain(
    '"CONFIG SET latency-monitor-threshold <milliseconds>"',
  );
  expect(latencyReport([], 5, 0)).toBe(
    'Events of this proxy that take 5 ms or longer are noted.\nThere was none so far.\n',
  );
  const events = noted(['command', 0, 30], ['command', 1, 50], ['command', 2, 90]);
  const text = latencyReport(events, 5, 3);
  expect(text).toContain(
    '1. command: 3 latency spikes (average 56ms, mean deviation 22ms, period 1.00 sec). Worst all time event 90ms.\n',
  );
  expect(text).toContain('\n- command: SLOWLOG GET');
});
