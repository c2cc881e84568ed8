import type { Verdict } from './verdicts.ts';
import { ratioFinding, type Finding } from './finding.ts';
import type { Metric, RowSummary } from './samples.ts';
import type { Placement, TargetName, Workload } from './workloads.ts';

/** A table with its title. */
export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** All tables of a run of `bench proxy`. */
export function sectionsOf(
  workloads: readonly Workload[],
  rows: readonly RowSummary[],
  {
    ratios,
    verdicts,
  }: { readonly ratios: readonly Ratio[]; readonly verdicts: readonly Verdict[] },
): readonly Section[] {
  const isFlood = new Set(
    workloads.filter(({ load }) => load.kind === 'flood').map(({ name }) => name),
  );
  const ofPlacement = (placement: Placement): readonly RowSummary[] =>
    rows.filter((row) => row.placement === placement && isFlood.has(row.workload));
  const sections = [
    rowSection('Full speed, pinned', ofPlacement('pinned')),
    rowSection('Full speed, free', ofPlacement('free')),
    rowSection(
      'Fixed rate, start, idle connections',
      rows.filter(({ workload }) => !isFlood.has(workload)),
    ),
    { title: 'Ratios', head: RATIO_HEAD, rows: ratios.map(ratioCells) },
    { title: 'Verdicts', head: VERDICT_HEAD, rows: verdicts.map(verdictCells) },
  ];
  return sections.filter((section) => section.rows.length > 0);
}

/** Ours divided by another target's. */
export interface Ratio extends Finding {
  readonly workload: string;
  readonly placement: Placement;
  readonly metric: Metric;
  readonly against: TargetName;
}

const COMPARED: readonly (readonly [Metric, TargetName])[] = [
  ['proxyCpuUs', 'nutcracker'],
  ['rps', 'nutcracker'],
  ['rps', 'direct'],
  ['p99Ms', 'nutcracker'],
];

export function ratiosOf(rows: readonly RowSummary[], rounds: number): readonly Ratio[] {
  return rows
    .filter(({ target }) => target === 'undermoon')
    .flatMap((own) =>
      COMPARED.flatMap(([metric, against]): Ratio[] => {
        const { workload, placement } = own;
        const other = rows.find((row) => {
          return row.workload === workload && row.placement === placement && row.target === against;
        });
        if (own.figures[metric] === undefined || other?.figures[metric] === undefined) return [];
        const finding = ratioFinding(metric, own, other, rounds);
        return [{ workload, placement, metric, against, ...finding }];
      }),
    );
}

interface Column {
  readonly head: string;
  readonly metric: Metric;
  readonly format: (value: number) => string;
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
const milliseconds = (value: number): string => value.toFixed(2);
const microseconds = (value: number): string => value.toFixed(value < 2 ? 3 : 2);
const whole = (value: number): string => Math.round(value).toLocaleString('en');

const COLUMNS: readonly Column[] = [
  { head: 'requests/s', metric: 'rps', format: whole },
  { head: 'proxy µs', metric: 'proxyCpuUs', format: microseconds },
  { head: 'Redis µs', metric: 'redisCpuUs', format: microseconds },
  { head: 'p50 ms', metric: 'p50Ms', format: milliseconds },
  { head: 'p99 ms', metric: 'p99Ms', format: milliseconds },
  { head: 'p99.9 ms', metric: 'p999Ms', format: milliseconds },
  { head: 'max ms', metric: 'maxMs', format: milliseconds },
  { head: 'start ms', metric: 'startMs', format: whole },
  { head: 'B/connection', metric: 'connectionBytes', format: whole },
  { head: 'proxy MiB', metric: 'proxyRssBytes', format: mebibytes },
  { head: 'Redis MiB', metric: 'redisRssBytes', format: mebibytes },
];

/** Figures whose spread is shown beside them. */
const WITH_SPREAD: ReadonlySet<Metric> = new Set([
  'rps',
  'proxyCpuUs',
  'p99Ms',
  'p999Ms',
  'connectionBytes',
]);

function rowSection(title: string, rows: readonly RowSummary[]): Section {
  const columns = COLUMNS.filter(({ metric }) => {
    return rows.some((row) => row.figures[metric] !== undefined);
  });
  const cell = (row: RowSummary, { metric, format }: Column): string => {
    const figure = row.figures[metric];
    if (figure === undefined) return '';
    const text = format(figure.median);
    return WITH_SPREAD.has(metric) ? `${text} ±${Math.round(figure.spread * 50)}%` : text;
  };
  return {
    title,
    head: ['workload', 'target', ...columns.map(({ head }) => head), 'samples'],
    rows: rows.map((row) => [
      row.workload,
      row.target,
      ...columns.map((column) => cell(row, column)),
      samplesCell(row),
    ]),
  };
}

function samplesCell(row: RowSummary): string {
  const { cleanCount, disturbedCount, failedCount, otherCoresMax } = row;
  // In brackets: the cores that others took.
  const failed = failedCount === 0 ? '' : `, ${failedCount} failed`;
  if (disturbedCount === 0) return `${cleanCount}${failed}`;
  const quiet = `${cleanCount} of ${cleanCount + disturbedCount} quiet`;
  return `${quiet} (${otherCoresMax.toFixed(2)})${failed}`;
}

const METRIC_NAMES: Readonly<Record<Metric, string>> = {
  rps: 'requests/s',
  proxyCpuUs: 'CPU per request',
  redisCpuUs: "Redis' CPU per request",
  p50Ms: 'p50',
  p99Ms: 'p99',
  p999Ms: 'p99.9',
  maxMs: 'longest request',
  startMs: 'start',
  proxyRssBytes: 'memory',
  redisRssBytes: "Redis' memory",
  connectionBytes: 'bytes per idle connection',
};

const RATIO_HEAD = ['workload', 'placement', 'figure', 'undermoon /', 'ratio', 'between', 'doubt'];

function ratioCells(ratio: Ratio): string[] {
  const { workload, placement, metric, against, value, interval, doubt } = ratio;
  return [
    workload,
    placement,
    METRIC_NAMES[metric],
    against,
    Number.isNaN(value) ? '' : value.toFixed(2),
    interval === null ? '' : `${interval.low.toFixed(2)}–${interval.high.toFixed(2)}`,
    doubt ?? '',
  ];
}

const VERDICT_HEAD = ['workload', 'figure', 'goal', 'measured', 'verdict'];

function verdictCells(verdict: Verdict): string[] {
  const { goal } = verdict;
  const isRatio = goal.against !== null;
  const sign = goal.bound === 'at most' ? '≤' : '≥';
  const told = (value: number): string => (isRatio ? value.toFixed(2) : whole(value));
  return [
    goal.workload,
    METRIC_NAMES[goal.metric],
    isRatio ? `${sign} ${goal.limit.toFixed(2)} × ${goal.against}` : `${sign} ${whole(goal.limit)}`,
    ...outcomeCells(verdict, told),
  ];
}

function outcomeCells(verdict: Verdict, told: (value: number) => string): [string, string] {
  switch (verdict.outcome) {
    case 'met':
    case 'missed':
      return [told(verdict.value), verdict.outcome];
    case 'refused':
      return ['', `no verdict: ${verdict.reason}`];
    case 'out of reach': {
      const best = told(verdict.ceiling);
      return [
        '',
        `refused: out of reach here, also for Redis without a proxy; the best round of all has ${best}`,
      ];
    }
  }
}
