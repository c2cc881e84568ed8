import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { matchesGlob } from './glob.ts';

/** The text of a refused value, as Redis words it after "CONFIG SET failed … - ". */
export type ConfigValueOutcome = Outcome<() => void, 'INVALID_VALUE'>;

/** One parameter of CONFIG GET and CONFIG SET. Secrets have none: they cannot be read back. */
export interface ConfigParameter {
  /** As shown by a pattern. On lookup case is ignored, and `-` and `_` are the same. */
  readonly name: string;
  readonly read: () => string;
  /** Checks a value and returns what puts it into effect; null: cannot be changed at run time. */
  readonly write: ((text: string) => ConfigValueOutcome) | null;
}

/** All parameters of one proxy. */
export type ConfigSource = readonly ConfigParameter[];

/** Why CONFIG SET changed nothing; the message is Redis' text without "ERR ". */
export type ConfigSetOutcome = Outcome<readonly (() => void)[], 'CONFIG_REFUSED'>;

/** A parameter that cannot be changed at run time. */
export function readOnlyParameter(name: string, read: () => string): ConfigParameter {
  return { name, read, write: null };
}

/** A whole number that can be changed at run time. */
export function integerParameter(options: {
  name: string;
  min: number;
  max: number;
  read: () => number;
  write: (value: number) => void;
}): ConfigParameter {
  const { name, min, max, read, write } = options;
  return {
    name,
    read: () => String(read()),
    write: (text) => {
      const value = /^-?\d{1,19}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value)) {
        return refuse('INVALID_VALUE', "argument couldn't be parsed into an integer");
      }
      if (value < min || value > max) {
        return refuse('INVALID_VALUE', `argument must be between ${min} and ${max} inclusive`);
      }
      return accept(() => write(value));
    },
  };
}

/** Parameters of Redis that tools ask for and that have one true answer on any proxy. */
export const FIXED_PARAMETERS: ConfigSource = [
  readOnlyParameter('appendfsync', () => 'no'),
  readOnlyParameter('appendonly', () => 'no'),
  readOnlyParameter('databases', () => '1'),
  readOnlyParameter('maxmemory', () => '0'),
  readOnlyParameter('maxmemory-policy', () => 'noeviction'),
  readOnlyParameter('notify-keyspace-events', () => ''),
  readOnlyParameter('save', () => ''),
];

/** What is true for those who see one Redis server instead of a cluster, or for the others. */
export function portParameters(isPlain: boolean): ConfigSource {
  return [readOnlyParameter('cluster-enabled', () => (isPlain ? 'no' : 'yes'))];
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
    const isGlob = /[*?[\\]/.test(pattern);
    for (const parameter of source) {
      if (found.has(parameter)) continue;
      if (isGlob && matchesGlob(pattern.toLowerCase(), parameter.name.toLowerCase()))
        found.set(parameter, parameter.name);
      else if (folded(pattern) === folded(parameter.name)) found.set(parameter, pattern);
    }
  }
  return [...found].map(([parameter, name]) => [name, parameter.read()] as const);
}

/** Checks all pairs before any takes effect. The caller runs the returned steps. */
export function planConfigSet(source: ConfigSource, words: readonly string[]): ConfigSetOutcome {
  if (words.length % 2 !== 0) return refuse('CONFIG_REFUSED', 'syntax error');
  const wanted = new Map<ConfigParameter, string>();
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i] ?? '';
    const parameter = source.find((candidate) => folded(candidate.name) === folded(name));
    if (parameter === undefined) {
      const text = `Unknown option or number of arguments for CONFIG SET - '${name}'`;
      return refuse('CONFIG_REFUSED', text);
    }
    if (parameter.write === null) return refuseValue(name, "can't set immutable config");
    if (wanted.has(parameter)) return refuseValue(name, 'duplicate parameter');
    wanted.set(parameter, words[i + 1] ?? '');
  }
  const steps: (() => void)[] = [];
  for (const [parameter, text] of wanted) {
    const outcome = parameter.write?.(text);
    if (outcome === undefined) continue;
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

function folded(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
