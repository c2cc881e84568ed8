import { parseBoolWord } from './coerce.ts';
import type { SettingDefinition } from './definition.ts';
import { SettingsError } from './errors.ts';
import { nearest } from './nearest.ts';

/** What the command line asks for. */
export type ProgramAction = 'run' | 'help' | 'version' | 'print-config';

/** Switches that every program has and that are no settings: they say how this one run behaves. */
export interface RunSwitches {
  /** Prints the ready line as JSON. */
  readonly json: boolean;
  /** Stops when stdin ends, which it does when the parent process is gone. */
  readonly exitWithParent: boolean;
}

/** A command line, taken apart. Values of settings are still text. */
export interface CommandLine {
  readonly action: ProgramAction;
  readonly switches: RunSwitches;
  readonly file: string | null;
  /** Text by key. */
  readonly values: ReadonlyMap<string, string>;
}

/** A flag that is no setting, with its help text. */
export interface SwitchDefinition {
  readonly flag: string;
  readonly short?: string;
  readonly doc: string;
}

/** The flags that every program has besides its settings. */
export const SWITCHES: readonly SwitchDefinition[] = [
  { flag: '--help', short: '-h', doc: 'Show this text.' },
  { flag: '--version', short: '-v', doc: 'Show the version.' },
  { flag: '--print-config', doc: 'Print the settings in effect as TOML, with their sources.' },
  { flag: '--json', doc: 'Print the ready line as one JSON object.' },
  { flag: '--exit-with-parent', doc: 'Stop when stdin ends, as it does when the parent is gone.' },
];

/** `backend_conn_num` is `--backend-conn-num`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll('_', '-')}`;
}

/**
 * Takes a command line apart. A value follows its flag as the next word or after `=`; a switch of
 * type bool may stand alone, and `--no-<key>` turns it off.
 * @throws SettingsError for flags that are unknown, repeated or without a value, and for a second file
 */
export function parseCommandLine(
  argv: readonly string[],
  settings: ReadonlyMap<string, SettingDefinition>,
): CommandLine {
  const reader = new CommandLineReader(settings);
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  for (let index = 0; index < words.length; index++) {
    index += reader.read(words[index] ?? '', words[index + 1]);
  }
  if (end !== -1) for (const word of argv.slice(end + 1)) reader.readFile(word);
  return reader.finish();
}

class CommandLineReader {
  readonly #settings: ReadonlyMap<string, SettingDefinition>;
  readonly #keyOfFlag: ReadonlyMap<string, string>;
  readonly #values = new Map<string, string>();
  readonly #switches = new Set<string>();
  #file: string | null = null;

  constructor(settings: ReadonlyMap<string, SettingDefinition>) {
    this.#settings = settings;
    this.#keyOfFlag = new Map([...settings.keys()].map((key) => [flagOf(key), key]));
  }

  /** Reads one word; returns how many of the following words belong to it. */
  read(word: string, next: string | undefined): number {
    if (!word.startsWith('-') || word === '-') {
      this.readFile(word);
      return 0;
    }
    const equals = word.indexOf('=');
    const flag = (equals === -1 ? word : word.slice(0, equals)).replaceAll('_', '-');
    const inline = equals === -1 ? undefined : word.slice(equals + 1);
    if (inline === undefined && this.#readSwitch(flag)) return 0;
    const key = this.#keyOfFlag.get(flag);
    if (key !== undefined) return this.#readValue(key, inline, next);
    const negated = this.#keyOfFlag.get(flag.replace(/^--no-/, '--'));
    if (inline === undefined && negated !== undefined && this.#isBool(negated)) {
      this.#put(negated, 'false');
      return 0;
    }
    throw this.#unknown(flag);
  }

  readFile(word: string): void {
    if (this.#file !== null || word === '') {
      const text = `unexpected argument ${JSON.stringify(word)}: the only argument is the file`;
      throw new SettingsError({ code: 'UNEXPECTED_ARGUMENT', text });
    }
    this.#file = word;
  }

  finish(): CommandLine {
    const has = (flag: string): boolean => this.#switches.has(flag);
    const action: ProgramAction = has('--help')
      ? 'help'
      : has('--version')
        ? 'version'
        : has('--print-config')
          ? 'print-config'
          : 'run';
    return {
      action,
      switches: { json: has('--json'), exitWithParent: has('--exit-with-parent') },
      file: this.#file,
      values: this.#values,
    };
  }

  #readSwitch(flag: string): boolean {
    const found = SWITCHES.find((entry) => entry.flag === flag || entry.short === flag);
    if (found !== undefined) this.#switches.add(found.flag);
    return found !== undefined;
  }

  #readValue(key: string, inline: string | undefined, next: string | undefined): number {
    if (inline !== undefined) {
      this.#put(key, inline);
      return 0;
    }
    if (this.#isBool(key)) {
      const isWord = next !== undefined && parseBoolWord(next) !== undefined;
      this.#put(key, isWord ? next : 'true');
      return isWord ? 1 : 0;
    }
    // A value may begin with one dash, as a negative number does; `=` allows any value.
    if (next === undefined || next.startsWith('--')) {
      const text = `${flagOf(key)} needs a value`;
      throw new SettingsError({ code: 'MISSING_FLAG_VALUE', text });
    }
    this.#put(key, next);
    return 1;
  }

  #put(key: string, value: string): void {
    if (this.#values.has(key)) {
      const text = `${flagOf(key)} is given twice`;
      throw new SettingsError({ code: 'REPEATED_FLAG', text });
    }
    this.#values.set(key, value);
  }

  #isBool(key: string): boolean {
    return this.#settings.get(key)?.type === 'bool';
  }

  #unknown(flag: string): SettingsError {
    const known = [...SWITCHES.map((entry) => entry.flag), ...this.#keyOfFlag.keys()];
    const near = nearest(flag, known);
    const hint = near === null ? '; --help lists the known ones' : `, did you mean ${near}?`;
    return new SettingsError({ code: 'UNKNOWN_FLAG', text: `unknown flag ${flag}${hint}` });
  }
}
