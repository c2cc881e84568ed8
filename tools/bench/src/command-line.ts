import { parseArgs } from 'node:util';

/** What the bench is told to do. */
export type BenchCommand =
  | {
      readonly kind: 'proxy';
      readonly isJson: boolean;
      readonly isQuick: boolean;
      readonly rounds: number;
      readonly only: readonly string[];
      readonly isWritten: boolean;
      readonly isBuilt: boolean;
    }
  | {
      readonly kind: 'compare';
      readonly isJson: boolean;
      readonly isQuick: boolean;
      readonly base: string;
      readonly isBuilt: boolean;
      readonly only: readonly string[];
    }
  | {
      readonly kind: 'broker';
      readonly isJson: boolean;
      readonly isQuick: boolean;
      readonly isBuilt: boolean;
    }
  | { readonly kind: 'guard' }
  | {
      readonly kind: 'micro';
      readonly isJson: boolean;
      /** The commit to compare with; null: none. */
      readonly base: string | null;
    }
  | {
      readonly kind: 'allocation';
      readonly isJson: boolean;
      readonly isQuick: boolean;
      readonly isBuilt: boolean;
      readonly only: readonly string[];
      /** Also print who allocates. */
      readonly hasSites: boolean;
    }
  | {
      readonly kind: 'control';
      readonly isJson: boolean;
      readonly isMarkdown: boolean;
      readonly isQuick: boolean;
      readonly isBuilt: boolean;
      readonly rounds: number;
      /** A commit to measure beside, or null. */
      readonly base: string | null;
    }
  | {
      readonly kind: 'profile';
      readonly isJson: boolean;
      readonly isBuilt: boolean;
      readonly only: readonly string[];
      /** Show each function for itself. */
      readonly isSplit: boolean;
      /** The folder that flame graphs are written to. */
      readonly out: string;
    }
  | { readonly kind: 'help' };

export const USAGE = `\
pnpm bench proxy [--json] [--quick] [--rounds N] [--only NAME]... [--write] [--no-build]
  The proxy against direct Redis, nutcracker and Redis Cluster.
  --only NAME  the workload of that name, or all whose names begin so; may be given more than once
  --write      writes docs/benchmarks.md
  --no-build   measures apps/undermoon-proxy/dist as it is
  Ends with 0 when all measured goals are met, 1 when some are missed, 3 when none is missed but some
  could not be told because the machine was disturbed.

pnpm bench broker [--json] [--quick] [--no-build]
  The broker with 100 to 10,000 proxies (--quick: 2,000), and how fast a change reaches real proxies. Ends
  with 1 when a goal is missed.

pnpm bench compare --base REF [--json] [--quick] [--only NAME]... [--no-build]
  The proxy of this checkout against that of a commit. Ends with 0 when nothing is lost beyond the noise,
  1 when something is, 3 when the machine was too disturbed to tell.

pnpm bench guard
  What \`npm test\` runs: a short comparison with the last commit that published docs/benchmarks.md, or with
  the one that UNDERMOON_BENCH_BASE names. Ends with 1 when something is lost and a second, longer look
  finds the same, else with 0; what could not be judged is said.

pnpm bench micro [--base REF] [--json]
  The bench files of the packages, in new processes in every round. With --base also those of a commit, in
  turn; ends with 1 when a case takes longer in nearly all rounds.

pnpm bench allocation [--json] [--quick] [--only NAME]... [--where] [--no-build]
  What the proxy allocates and keeps over ten million requests (--quick: a tenth of that). Ends with 0 when
  that is within bounds, 1 when it is not.
  --where      also prints who allocates

pnpm bench control [--base REF] [--rounds N] [--json | --markdown] [--quick] [--no-build]
  How long the proxy serves nobody while it takes metadata of thousands of slot ranges, and while it answers what
  clients ask for afterwards. Ends with 1 when a turn of its loop takes over 2 ms for that, 0 otherwise.
  --base REF   a commit to measure beside this checkout
  --quick      3 rounds, and 100 clients instead of 1,000

pnpm bench profile [--json] [--only NAME]... [--split] [--out FOLDER] [--no-build]
  Where the CPU time of the proxy goes, with a flame graph of each workload. Needs the program perf.
  --split      no function is compiled into its caller, so that each shows for itself; slower as a whole
  --out FOLDER for the flame graphs; default: .tools/profile
`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  only: { type: 'string', multiple: true },
  write: { type: 'boolean', default: false },
  'no-build': { type: 'boolean', default: false },
  base: { type: 'string' },
  markdown: { type: 'boolean', default: false },
  out: { type: 'string', default: '.tools/profile' },
  split: { type: 'boolean', default: false },
  where: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const QUICK_ROUNDS = 3;
const ROUNDS = 5;
const ROUNDS_MAX = 1000;

/** Reads the arguments. Throws with the usage when they make no sense. */
export function parseCommandLine(argv: readonly string[]): BenchCommand {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
  });
  const [kind, ...rest] = positionals;
  if (values.help) return { kind: 'help' };
  const shared = {
    isJson: values.json,
    isQuick: values.quick,
    only: values.only ?? [],
    isBuilt: !values['no-build'],
  };
  if (rest.length > 0) throw new Error(`not understood: ${rest.join(' ')}\n\n${USAGE}`);
  if (kind === 'proxy') {
    const rounds = roundsOf(values.rounds, values.quick);
    return { kind, ...shared, rounds, isWritten: values.write };
  }
  if (kind === 'broker') {
    const { isJson, isQuick, isBuilt } = shared;
    return { kind, isJson, isQuick, isBuilt };
  }
  if (kind === 'compare') {
    if (values.base === undefined) throw new Error(`compare needs --base\n\n${USAGE}`);
    return { kind, ...shared, base: values.base };
  }
  if (kind === 'guard') return { kind };
  if (kind === 'micro') return { kind, isJson: values.json, base: values.base ?? null };
  if (kind === 'allocation') return { kind, ...shared, hasSites: values.where };
  if (kind === 'control') {
    const { isJson, isQuick, isBuilt } = shared;
    const rounds = roundsOf(values.rounds, isQuick);
    const base = values.base ?? null;
    return { kind, isJson, isMarkdown: values.markdown, isQuick, isBuilt, rounds, base };
  }
  if (kind === 'profile') {
    const { isJson, isBuilt, only } = shared;
    return { kind, isJson, isBuilt, only, isSplit: values.split, out: values.out };
  }
  throw new Error(
    `what to run: proxy, broker, compare, guard, micro, allocation, control or profile\n\n${USAGE}`,
  );
}

function roundsOf(text: string | undefined, isQuick: boolean): number {
  if (text === undefined) return isQuick ? QUICK_ROUNDS : ROUNDS;
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new Error(`--rounds must be a whole number from 1 to ${ROUNDS_MAX}`);
  }
  return rounds;
}
