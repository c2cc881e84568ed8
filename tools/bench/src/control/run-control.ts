import { checkOut } from '../base-checkout.ts';
import type { BenchCommand } from '../command-line.ts';
import { coresOf, describeMachine } from '../machine.ts';
import { buildProxy, proxyFile, REPOSITORY } from '../programs.ts';
import { renderMarkdown, renderText } from '../render.ts';
import type { Section } from '../report.ts';
import { median } from '../statistics.ts';
import { missedSteps } from './control-goal.ts';
import { measureControl, type ControlSample } from './measure-control.ts';
import type { Stops } from './watched-proxy.ts';

const CROWD = 1000;
const QUICK_CROWD = 100;
const SIDES = ['base', 'here'] as const;

type Side = (typeof SIDES)[number];
type Control = Extract<BenchCommand, { readonly kind: 'control' }>;

/** All samples of one row. */
interface Row {
  readonly document: string;
  readonly step: string;
  readonly base: Stops[];
  readonly here: Stops[];
}

/** Runs `bench control` and returns its exit code: 1 when a step misses the goal. */
export async function runControl(command: Control): Promise<number> {
  const checkout = command.base === null ? null : checkOut(command.base);
  try {
    const note = (text: string): void => void process.stderr.write(`${text}\n`);
    note('building undermoon-proxy');
    const programs = {
      base: checkout === null ? null : buildProxy(checkout.folder),
      here: command.isBuilt ? buildProxy(REPOSITORY) : proxyFile(REPOSITORY),
    };
    const plan = { cores: coresOf('free'), crowd: command.isQuick ? QUICK_CROWD : CROWD };
    const rows = new Map<string, Row>();
    for (let round = 0; round < command.rounds; round += 1) {
      for (const side of SIDES) {
        const program = programs[side];
        if (program === null) continue;
        note(`round ${round + 1} of ${command.rounds}, ${side}`);
        gather(rows, side, await measureControl(program, plan));
      }
    }
    print(command, [...rows.values()]);
    const missed = missedSteps([...rows.values()]);
    for (const step of missed) note(`goal missed: ${step}`);
    return missed.length === 0 ? 0 : 1;
  } finally {
    checkout?.remove();
  }
}

function gather(rows: Map<string, Row>, side: Side, samples: readonly ControlSample[]): void {
  for (const { document, step, stops } of samples) {
    const key = `${document} ${step}`;
    const row = rows.get(key) ?? { document, step, base: [], here: [] };
    rows.set(key, row);
    row[side].push(stops);
  }
}

function print({ isJson, isMarkdown, rounds }: Control, rows: readonly Row[]): void {
  if (isJson) {
    const report = { date: new Date().toISOString(), machine: describeMachine(), rounds, rows };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  const sections = [sectionOf(rows)];
  process.stdout.write(isMarkdown ? renderMarkdown(sections) : renderText(sections));
}

function sectionOf(rows: readonly Row[]): Section {
  const figures = (pick: (stops: Stops) => number, of: readonly Stops[]): string => {
    if (of.length === 0) return '';
    const values = of.map(pick);
    return `${median(values).toFixed(1)} (${Math.max(...values).toFixed(1)})`;
  };
  return {
    title: 'Longest stops in milliseconds: median of the rounds (longest)',
    head: 'document|step|own turn, base|own turn|turn, base|turn|ping, base|ping|took, base|took'.split(
      '|',
    ),
    rows: rows.map(({ document, step, base, here }) => [
      document,
      step,
      ...[base, here].map((side) => figures(({ ownMs }) => ownMs, side)),
      ...[base, here].map((side) => figures(({ turnMs }) => turnMs, side)),
      ...[base, here].map((side) => figures(({ pingMs }) => pingMs, side)),
      ...[base, here].map((side) => figures(({ tookMs }) => tookMs, side)),
    ]),
  };
}
