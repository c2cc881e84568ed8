import type { EnumSetting, IntSetting, Program, SettingDefinition } from './definition.ts';

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

interface LogLevelSetting extends EnumSetting {
  readonly values: typeof LOG_LEVELS;
}

/** The settings that every program has besides its own. */
export const COMMON_SETTINGS: {
  readonly log_level: LogLevelSetting;
  readonly shutdown_timeout: IntSetting & { readonly default: number };
} = {
  log_level: {
    type: 'enum',
    group: 'Process',
    default: 'info',
    values: LOG_LEVELS,
    doc: 'Lines of this level and above go to stderr as JSON. `RUST_LOG` is read too, with the most verbose level in it.',
    alias: { variable: 'RUST_LOG', parse: rustLogLevel },
  },
  shutdown_timeout: {
    type: 'int',
    group: 'Process',
    default: 5000,
    min: 0,
    max: 3_600_000,
    unit: 'milliseconds',
    doc: 'How long a stopping program waits for work that still runs.',
  },
};

/** All settings of a program by key: its own, then the common ones. */
export function settingsOf(program: Program): ReadonlyMap<string, SettingDefinition> {
  return new Map<string, SettingDefinition>([
    ...Object.entries(program.settings),
    ...Object.entries(COMMON_SETTINGS),
  ]);
}

const RUST_LEVELS: ReadonlyMap<string, (typeof LOG_LEVELS)[number]> = new Map([
  ['off', 'error'],
  ['error', 'error'],
  ['warn', 'warn'],
  ['info', 'info'],
  ['debug', 'debug'],
  ['trace', 'debug'],
]);

/**
 * The most verbose level in a `RUST_LOG` filter such as `undermoon=info,server_proxy=debug`. Targets
 * are not told apart. Null when no level is in it.
 */
function rustLogLevel(filter: string): string | null {
  let most = -1;
  for (const directive of filter.split(',')) {
    const word = directive.slice(directive.lastIndexOf('=') + 1);
    const level = RUST_LEVELS.get(word.trim().toLowerCase());
    if (level !== undefined) most = Math.max(most, LOG_LEVELS.indexOf(level));
  }
  return LOG_LEVELS[most] ?? null;
}
