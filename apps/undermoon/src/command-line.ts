import { parseArgs } from 'node:util';

import { suggestion } from '@undermoon/settings';

import { CommandError } from './errors.ts';

/** A flag of a command. One with a `value` takes the next word or the text after `=`. */
export interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly short?: string;
  /** The word for its value in the help text, such as `port`. */
  readonly value?: string;
  readonly doc: string;
}

/** What a command was called with. */
export interface Invocation {
  /** The words that are no flags, as many as the command has arguments. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  has(flag: string): boolean;
  text(flag: string): string | null;
}

/** One command, with all that its help text needs. */
export interface Command {
  /** One word or two, such as `cluster list`. */
  readonly name: string;
  /** Names of its arguments, all required. */
  readonly args: readonly string[];
  /** One line for the lists of commands. */
  readonly summary: string;
  /** What its own help says after the summary. */
  readonly details?: string;
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  /** Returns the exit code. */
  run(invocation: Invocation): Promise<number>;
}

/** What help is about: a command, the commands that begin with a word, or null for all. */
export type Topic = Command | string | null;

/** What the command line asks for. */
export type Request =
  | { readonly kind: 'help'; readonly topic: Topic }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly command: Command; readonly invocation: Invocation };

/** The flags that every command has. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: 'help', short: 'h', doc: 'Show this text.' },
  { name: 'version', short: 'v', doc: 'Show the version.' },
];

/**
 * Takes a command line apart.
 * @throws CommandError USAGE, with the nearest known word where there is one
 */
export function parseCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  env: Invocation['env'],
): Request {
  const { command, group, rest } = findCommand(argv, commands);
  const { words, values } = parseFlags(rest, command);
  if (values.has('help')) return { kind: 'help', topic: command ?? group };
  if (values.has('version')) return { kind: 'version' };
  if (command === null) return { kind: 'help', topic: null };
  checkWords(words, command);
  return { kind: 'run', command, invocation: invocationOf(words, values, env) };
}

interface Found {
  readonly command: Command | null;
  /** The first word of several commands, of which none is chosen. */
  readonly group: string | null;
  readonly rest: readonly string[];
}

function findCommand(argv: readonly string[], commands: readonly Command[]): Found {
  const [first = '', second = ''] = argv;
  if (first === '' || first.startsWith('-')) return { command: null, group: null, rest: argv };
  // `help up` is asked for as often as `up --help`.
  if (first === 'help') return findCommand([...argv.slice(1), '--help'], commands);
  const single = commands.find(({ name }) => name === first);
  if (single !== undefined) return { command: single, group: null, rest: argv.slice(1) };
  const names = commands.map(({ name }) => name);
  const seconds = names
    .filter((name) => name.startsWith(`${first} `))
    .map((name) => name.slice(first.length + 1));
  if (seconds.length === 0) {
    const firsts = new Set(names.map((name) => name.split(' ')[0] ?? name));
    throw usage(
      `unknown command ${first}${suggestion(first, firsts, '') || '; "undermoon --help" lists all'}`,
    );
  }
  const pair = commands.find(({ name }) => name === `${first} ${second}`);
  if (pair !== undefined) return { command: pair, group: null, rest: argv.slice(2) };
  const isHelp = second === '--help' || second === '-h';
  if (isHelp) return { command: null, group: first, rest: argv.slice(1) };
  const choice = `${first} needs one of: ${seconds.join(', ')}`;
  if (second === '' || second.startsWith('-')) throw usage(choice);
  throw usage(
    `unknown command ${first} ${second}${suggestion(second, seconds, '') || `; ${choice}`}`,
  );
}

interface Parsed {
  readonly words: readonly string[];
  /** Text by flag; empty for switches. */
  readonly values: ReadonlyMap<string, string>;
}

function parseFlags(argv: readonly string[], command: Command | null): Parsed {
  const flags = [...(command?.flags ?? []), ...COMMON_FLAGS];
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(flags.map((flag) => [flag.name, parserOption(flag)])),
  });
  const words: string[] = [];
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = flags.find(({ name }) => name === token.name);
    if (flag === undefined) throw unknownFlag(token.rawName, flags, command);
    if (values.has(flag.name)) throw usage(`--${flag.name} is given twice`);
    values.set(flag.name, valueOf(flag, token.value, token.inlineValue === true));
  }
  return { words, values };
}

function parserOption(flag: Flag): { type: 'string' | 'boolean'; short?: string } {
  const type = flag.value === undefined ? 'boolean' : 'string';
  return { type, ...(flag.short === undefined ? {} : { short: flag.short }) };
}

function valueOf(flag: Flag, value: string | undefined, isInline: boolean): string {
  if (flag.value === undefined) {
    if (value !== undefined) throw usage(`--${flag.name} takes no value`);
    return '';
  }
  const isMissing = value === undefined || value === '' || (!isInline && value.startsWith('--'));
  if (isMissing) throw usage(`--${flag.name} needs a value: --${flag.name} <${flag.value}>`);
  return value;
}

function unknownFlag(
  rawName: string,
  flags: readonly Flag[],
  command: Command | null,
): CommandError {
  const known = flags.map(({ name }) => `--${name}`);
  const help = ['undermoon', ...(command === null ? [] : [command.name]), '--help'].join(' ');
  return usage(
    `unknown option ${rawName}${suggestion(rawName, known, '') || `; "${help}" lists all`}`,
  );
}

function checkWords(words: readonly string[], command: Command): void {
  const missing = command.args[words.length];
  if (missing !== undefined) {
    throw usage(`${command.name} needs ${missing}: undermoon ${usageOf(command)}`);
  }
  const extra = words[command.args.length];
  if (extra !== undefined) throw usage(`unexpected argument ${JSON.stringify(extra)}`);
}

/** The command with its arguments, as in its help text. */
export function usageOf(command: Command): string {
  return [command.name, ...command.args.map((arg) => `<${arg}>`)].join(' ');
}

function invocationOf(
  words: readonly string[],
  values: ReadonlyMap<string, string>,
  env: Invocation['env'],
): Invocation {
  return {
    words,
    env,
    has: (flag) => values.has(flag),
    text: (flag) => values.get(flag) ?? null,
  };
}

/** The value of a flag as a whole number within bounds, or `otherwise` when it is not given. */
export function wholeNumber(
  invocation: Invocation,
  flag: string,
  bounds: {
    readonly min: number;
    readonly max: number;
    readonly otherwise: number;
    /** What else it has to be, such as `a multiple of 4`; the caller checks that. */
    readonly also?: string;
  },
): number {
  const text = invocation.text(flag);
  if (text === null) return bounds.otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  const also = bounds.also === undefined ? '' : `, ${bounds.also}`;
  throw usage(
    `--${flag}: expected a whole number from ${bounds.min} to ${bounds.max}${also}, got ${JSON.stringify(text)}`,
  );
}

/** The error for a wrong command line. */
export function usage(message: string): CommandError {
  return new CommandError('USAGE', message);
}
