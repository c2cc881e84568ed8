import { expect, it } from 'vitest';
import { GOALS } from './goals.ts';
import { renderMarkdown, renderText } from './render.ts';
import { ratiosOf, sectionsOf } from './report.ts';
import { summarize, type Figures } from './samples.ts';
import { judge } from './verdicts.ts';
import { named, workloads, type TargetName } from './workloads.ts';

const NAME = 'get-64-c50-p16';
const row = (target: TargetName, figures: Figures, otherCores = 0) => {
  const disturbance = { otherCores, stealCores: 0, lateShare: 0 };
  return summarize({
    workload: NAME,
    placement: 'pinned',
    target,
    failedCount: 0,
    samples: [{ round: 0, figures, disturbance }],
  });
};

function report(otherCores: number) {
  const rows = [
    row('direct', { rps: 650_000, redisCpuUs: 1.2 }),
    row('undermoon', { rps: 640_000, proxyCpuUs: 0.6, redisCpuUs: 1 }, otherCores),
    row('nutcracker', { rps: 480_000, proxyCpuUs: 1.8, redisCpuUs: 1 }),
  ];
  const ratios = ratiosOf(rows, 1);
  const selected = named(workloads(), [NAME]);
  return sectionsOf(selected, rows, { ratios, verdicts: judge(GOALS, rows, 1) });
}

it('shows figures, ratios and verdicts', () => {
  const text = renderMarkdown(report(0));
  expect(text).toContain('## Full speed, pinned\n');
  expect(text).toContain(`| ${NAME} | undermoon | 640,000 ±0% | 0.600 ±0% | 1.000 | 1 |`);
  expect(text).toContain(`| ${NAME} | pinned | CPU per request | nutcracker | 0.33 |  |  |`);
  expect(text).toContain(`| ${NAME} | requests/s | ≥ 0.90 × direct | 0.98 | met |`);
  expect(text).not.toContain('## Full speed, free');
});

it('shows no verdict, and doubts ratios, where the machine was disturbed', () => {
  const text = renderMarkdown(report(0.5));
  expect(text).toContain('| 0 of 1 quiet (0.50) |');
  expect(text).toContain('| 0.33 |  | undermoon disturbed in 1 of 1 samples |');
  expect(text).toContain('|  | no verdict: undermoon disturbed in 1 of 1 samples |');
  expect(text).not.toMatch(/\| (met|missed) \|/);
});

it('names a workload once above its targets on a terminal', () => {
  const [table = ''] = renderText(report(0)).split('\n\n');
  expect(table.split(NAME)).toHaveLength(2);
  expect(table).toContain('nutcracker');
});

it('says that a goal is out of reach', () => {
  const [goal] = GOALS.filter(({ workload }) => workload === 'reconnect');
  if (goal === undefined) throw new Error('no goal');
  const verdicts = [{ goal, outcome: 'out of reach', ceiling: 17_345.6 } as const];
  expect(renderMarkdown(sectionsOf([], [], { ratios: [], verdicts }))).toContain(
    '| reconnect | requests/s | ≥ 20,000 |  | refused: out of reach here, also for Redis without a proxy; the best round of all has 17,346 |',
  );
});
