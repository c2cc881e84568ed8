import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { checkOut } from '../base-checkout.ts';
import type { BenchCommand } from '../command-line.ts';
import { coresOf, describeMachine } from '../machine.ts';
import { startProcess } from '../measured-process.ts';
import { REPOSITORY } from '../programs.ts';
import { renderText } from '../render.ts';
import type { Section } from '../report.ts';
import { parseFigures, type MicroFigures } from './micro-figures.ts';
import { microRows, type MicroRound, type MicroRow } from './micro-rows.ts';

const ROUNDS = 5;
/** Enough for the second lowest of all rounds to be a sure bound. */
const COMPARED_ROUNDS = 9;

/** Runs `bench micro` and returns its exit code: 1 when a case takes longer than in the base. */
export async function runMicro(
  command: Extract<BenchCommand, { readonly kind: 'micro' }>,
): Promise<number> {
  const { base, isJson } = command;
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const checkout = base === null ? null : checkOut(base);
  try {
    const rounds: MicroRound[] = [];
    const count = checkout === null ? ROUNDS : COMPARED_ROUNDS;
    for (let round = 0; round < count; round += 1) {
      note(`round ${round + 1} of ${count}`);
      rounds.push(await measureRound(checkout?.folder ?? null, round));
    }
    const rows = microRows(rounds);
    const report = { date: new Date().toISOString(), machine: describeMachine(), base, rows };
    process.stdout.write(
      isJson ? `${JSON.stringify(report, null, 2)}\n` : renderText([sectionOf(base, rows)]),
    );
    return rows.some(({ against }) => against?.isLost === true) ? 1 : 0;
  } finally {
    checkout?.remove();
  }
}

/** Every other round begins with the base, so that neither side is always the first. */
async function measureRound(base: string | null, round: number): Promise<MicroRound> {
  if (base === null) return { head: await runWorker(REPOSITORY), base: null };
  const isBaseFirst = round % 2 === 1;
  const first = await runWorker(isBaseFirst ? base : REPOSITORY);
  const second = await runWorker(isBaseFirst ? REPOSITORY : base);
  return isBaseFirst ? { head: second, base: first } : { head: first, base: second };
}

async function runWorker(checkout: string): Promise<MicroFigures> {
  const worker = startProcess({
    command: process.execPath,
    args: [
      '--conditions=@undermoon/source',
      '--import',
      'tsx',
      fileURLToPath(new URL('micro-worker.ts', import.meta.url)),
      checkout,
    ],
    cores: coresOf('pinned').proxy,
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  let printed = '';
  worker.child.stdout?.on('data', (text: string) => (printed += text));
  await once(worker.child, 'close');
  if (worker.child.exitCode !== 0) throw new Error(`the bench files failed: ${worker.output}`);
  return parseFigures(printed);
}

function sectionOf(base: string | null, rows: readonly MicroRow[]): Section {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const compared = ['base ns', 'loss', 'at least', 'outcome'];
  return {
    title: `Nanoseconds of CPU per operation${base === null ? '' : `, against ${base}`}`,
    head: ['case', 'ns', '±', ...(base === null ? [] : compared)],
    rows: rows.map(({ name, ns, spread, against }) => [
      name,
      ns.toFixed(1),
      percent(spread / 2),
      ...(base === null
        ? []
        : against === null
          ? ['', '', '', 'not in the base']
          : [
              against.baseNs.toFixed(1),
              percent(against.loss),
              against.sureLoss === null ? '' : percent(against.sureLoss),
              against.isLost ? 'loss' : 'no loss',
            ]),
    ]),
  };
}
