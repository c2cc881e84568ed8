import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { matchesGlob } from './glob.ts';

/** The text of a refused value, as Redis words it after "CONFIG SET failed … - ". */
export type ConfigValueOutcome = Outcome<() => void, 'INVALID_VALUE'>;

/** One parameter of CONFIG GET and CONFIG SET. Secrets have none: they cannot be read back. */
export interface ConfigParameter {
  /** As shown by a pattern. On lookup case is ignored, and `-` and `_` are the same. */
  readonly name: string;
  /** For the documentation; null: it is the setting of that name. */
  readonly meaning: string | null;
  readonly read: () => string;
  /** Checks a value and returns what puts it into effect, or why it cannot be changed at run time. */
  readonly write: ((text: string) => ConfigValueOutcome) | string;
}

/** All parameters of one proxy. */
export type ConfigSource = readonly ConfigParameter[];

/** Why CONFIG SET changed nothing; the message is Redis' text without "ERR ". */
export type ConfigSetOutcome = Outcome<readonly (() => void)[], 'CONFIG_REFUSED'>;

const IMMUTABLE = "can't set immutable config";

/** A parameter that cannot be changed at run time. */
export function readOnlyParameter(
  name: string,
  read: () => string,
  { meaning = null, reason = IMMUTABLE }: { meaning?: string | null; reason?: string } = {},
): ConfigParameter {
  return { name, meaning, read, write: reason };
}

/** A whole number that can be changed at run time. */
export function integerParameter(options: {
  name: string;
  meaning?: string;
  min: number;
  max: number;
  read: () => number;
  write: (value: number) => void;
  /** Why a value within the bounds is refused all the same; null: it is not. */
  fault?: (value: number) => string | null;
}): ConfigParameter {
  const { name, meaning = null, min, max, read, write, fault = () => null } = options;
  return {
    name,
    meaning,
    read: () => String(read()),
    write: (given) => {
      const value = /^-?\d{1,19}$/.test(given) ? Number(given) : Number.NaN;
      if (!Number.isSafeInteger(value)) {
        return refuse('INVALID_VALUE', "argument couldn't be parsed into an integer");
      }
      if (value < min || value > max) {
        return refuse('INVALID_VALUE', `argument must be between ${min} and ${max} inclusive`);
      }
      const text = fault(value);
      return text === null ? accept(() => write(value)) : refuse('INVALID_VALUE', text);
    },
  };
}

/** Parameters of Redis that tools ask for and that have one true answer on any proxy. */
export const FIXED_PARAMETERS: ConfigSource = [
  readOnlyParameter('databases', () => '1', { meaning: 'There is one, as in Redis Cluster.' }),
];

/** What is true for those who see one Redis server instead of a cluster, or for the others. */
export function portParameters(isPlain: boolean): ConfigSource {
  const meaning = '`yes` on the cluster port, `no` where clients see one Redis server.';
  return [readOnlyParameter('cluster-enabled', () => (isPlain ? 'no' : 'yes'), { meaning })];
}

/**
 * The parameters that any of the patterns names, as [name, value]. As in Redis, a name without glob
 * characters comes back as typed; each parameter is listed once.
 */
export function readConfig(
  source: ConfigSource,
  patterns: readonly string[],
): readonly (readonly [name: string, value: string])[] {
  const found = new Map<ConfigParameter, string>();
  for (const pattern of patterns) {
    for (const parameter of source) {
      if (found.has(parameter)) continue;
      if (isGlobFor(pattern, parameter.name)) found.set(parameter, parameter.name);
      else if (isSameName(pattern, parameter.name)) found.set(parameter, pattern);
    }
  }
  return [...found].map(([parameter, name]) => [name, parameter.read()] as const);
}

/** Whether a pattern of CONFIG GET is about a parameter. */
export function isAbout(pattern: string, name: string): boolean {
  return isGlobFor(pattern, name) || isSameName(pattern, name);
}

function isGlobFor(pattern: string, name: string): boolean {
  return /[*?[\\]/.test(pattern) && matchesGlob(pattern.toLowerCase(), name.toLowerCase());
}

/** Checks all pairs before any takes effect. The caller runs the returned steps. */
export function planConfigSet(source: ConfigSource, words: readonly string[]): ConfigSetOutcome {
  if (words.length % 2 !== 0) return refuse('CONFIG_REFUSED', 'syntax error');
  const wanted = new Map<ConfigParameter, string>();
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i] ?? '';
    const parameter = source.find((candidate) => isSameName(candidate.name, name));
    if (parameter === undefined) {
      const text = `Unknown option or number of arguments for CONFIG SET - '${name}'`;
      return refuse('CONFIG_REFUSED', text);
    }
    if (typeof parameter.write === 'string') return refuseValue(name, parameter.write);
    if (wanted.has(parameter)) return refuseValue(name, 'duplicate parameter');
    wanted.set(parameter, words[i + 1] ?? '');
  }
  const steps: (() => void)[] = [];
  for (const [parameter, text] of wanted) {
    if (typeof parameter.write === 'string') continue;
    const outcome = parameter.write(text);
    if (!outcome.ok) return refuseValue(parameter.name, outcome.message);
    steps.push(outcome.value);
  }
  return accept(steps);
}

function refuseValue(name: string, reason: string): ConfigSetOutcome {
  return refuse(
    'CONFIG_REFUSED',
    `CONFIG SET failed (possibly related to argument '${name}') - ${reason}`,
  );
}

/** Whether two names are of one parameter. */
export function isSameName(one: string, other: string): boolean {
  return folded(one) === folded(other);
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
