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
  | { readonly kind: 'help' };

export const USAGE = `\
pnpm bench proxy [--json] [--quick] [--rounds N] [--only NAME]... [--write] [--no-build]
  The proxy against direct Redis, nutcracker and Redis Cluster.
  --only NAME  the workload of that name, or all whose names begin so; may be given more than once
  --write      writes docs/benchmarks.md
  --no-build   measures apps/undermoon-proxy/dist as it is
  Ends with 0 when all measured goals are met, 1 when some are missed, 3 when none is missed but some
  could not be told because the machine was disturbed.

pnpm bench compare --base REF [--json] [--quick] [--only NAME]... [--no-build]
  The proxy of this checkout against that of a commit. Ends with 0 when nothing is lost beyond the noise,
  1 when something is, 3 when the machine was too disturbed to tell.
`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  only: { type: 'string', multiple: true },
  write: { type: 'boolean', default: false },
  'no-build': { type: 'boolean', default: false },
  base: { type: 'string' },
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
  if (kind === 'compare') {
    if (values.base === undefined) throw new Error(`compare needs --base\n\n${USAGE}`);
    return { kind, ...shared, base: values.base };
  }
  throw new Error(`what to run: proxy or compare\n\n${USAGE}`);
}

function roundsOf(text: string | undefined, isQuick: boolean): number {
  if (text === undefined) return isQuick ? QUICK_ROUNDS : ROUNDS;
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new Error(`--rounds must be a whole number from 1 to ${ROUNDS_MAX}`);
  }
  return rounds;
}
