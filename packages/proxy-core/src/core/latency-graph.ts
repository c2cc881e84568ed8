import type { LatencyEvent, LatencySample } from './latency-events.ts';

const COLUMNS = 80;
const ROWS = 4;
/** Lower, middle and upper third of a row. */
const MARKS = '_o#';

/** The samples of an event as Redis draws them: a column each, and below it how long ago that was. */
export function latencyGraph(event: LatencyEvent, nowSeconds: number): string {
  const { name, samples, worstMs } = event;
  const high = Math.max(...samples.map(({ ms }) => ms));
  const low = Math.min(...samples.map(({ ms }) => ms));
  const title = `${name} - high ${high} ms, low ${low} ms (all time high ${worstMs} ms)\n`;
  const parts: string[] = [];
  for (let i = 0; i < samples.length; i += COLUMNS) {
    const columns = samples.slice(i, i + COLUMNS);
    parts.push([...bars(columns, low, high), ...labels(columns, nowSeconds)].join(''));
  }
  return `${title}${'-'.repeat(COLUMNS)}\n${parts.join('\n')}`;
}

function bars(samples: readonly LatencySample[], low: number, high: number): readonly string[] {
  const stepCount = MARKS.length * ROWS;
  const range = high === low ? 1 : high - low;
  const steps = samples.map(({ ms }) =>
    Math.min(stepCount - 1, Math.floor(((ms - low) * stepCount) / range)),
  );
  return Array.from({ length: ROWS }, (_, row) => {
    const base = (ROWS - row - 1) * MARKS.length;
    return `${steps.map((step) => markOf(step - base)).join('')}\n`;
  });
}

function markOf(step: number): string {
  if (step < 0) return ' ';
  return MARKS[step] ?? '|';
}

/** Written downwards, after an empty line. */
function labels(samples: readonly LatencySample[], nowSeconds: number): readonly string[] {
  const texts = samples.map(({ atSeconds }) => ageOf(Math.max(0, nowSeconds - atSeconds)));
  const height = Math.max(...texts.map(({ length }) => length));
  return [
    `${' '.repeat(samples.length)}\n`,
    ...Array.from(
      { length: height },
      (_, row) => `${texts.map((text) => text[row] ?? ' ').join('')}\n`,
    ),
  ];
}

function ageOf(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
