import { accept, refuse, type Outcome } from '@undermoon/runtime';
import type { ClusterConfig, CompressionStrategy, MigrationConfig } from './cluster-config.ts';
import { quote } from './quote.ts';

/** A flat field of a cluster's configuration, as UMCTL and the broker's HTTP API name it. */
export type ClusterConfigFieldName =
  | 'compression_strategy'
  | 'migration_max_migration_time'
  | 'migration_max_blocking_time'
  | 'migration_scan_interval'
  | 'migration_scan_count'
  | 'split_commands';

const STRATEGIES: readonly CompressionStrategy[] = ['disabled', 'set_get_only', 'allow_all'];

const SWITCH: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

interface MigrationNumber {
  readonly field: ClusterConfigFieldName;
  /** The member of the JSON form's `migration_config`. */
  readonly jsonKey: string;
  readonly key: keyof MigrationConfig;
  readonly min: number;
}

/** The four numbers, in the order in which both forms are written. */
export const MIGRATION_NUMBERS: readonly MigrationNumber[] = [
  {
    field: 'migration_max_migration_time',
    jsonKey: 'max_migration_time',
    key: 'maxMigrationTime',
    min: 0,
  },
  {
    field: 'migration_max_blocking_time',
    jsonKey: 'max_blocking_time',
    key: 'maxBlockingTime',
    min: 0,
  },
  { field: 'migration_scan_interval', jsonKey: 'scan_interval', key: 'scanInterval', min: 0 },
  { field: 'migration_scan_count', jsonKey: 'scan_count', key: 'scanCount', min: 1 },
];

/**
 * The flat fields with their values as text, always in the same order: five, and `split_commands` if it is true.
 */
export function clusterConfigFields(
  config: ClusterConfig,
): readonly (readonly [field: ClusterConfigFieldName, value: string])[] {
  return [
    ['compression_strategy', config.compressionStrategy],
    ...MIGRATION_NUMBERS.map(({ field, key }) => [field, String(config.migration[key])] as const),
    ...(config.splitCommands ? [['split_commands', 'true'] as const] : []),
  ];
}

/**
 * The configuration with one flat field changed. Field names, strategies, `true` and `false` are accepted in any case.
 * Refuses an unknown name with `FIELD_NOT_FOUND` and a value outside the field's domain with
 * `INVALID_VALUE`; numbers are decimal, at most `Number.MAX_SAFE_INTEGER`, and the scan count is not 0.
 */
export function applyConfigField(
  config: ClusterConfig,
  field: string,
  value: string,
): Outcome<ClusterConfig, 'FIELD_NOT_FOUND' | 'INVALID_VALUE'> {
  const name = field.toLowerCase();
  if (name === 'compression_strategy') {
    const compressionStrategy = parseCompressionStrategy(value);
    return compressionStrategy === null
      ? refuse('INVALID_VALUE', `${name} ${quote(value)}: not one of ${STRATEGIES.join(', ')}`)
      : accept({ ...config, compressionStrategy });
  }
  if (name === 'split_commands') {
    const splitCommands = SWITCH.get(value.toLowerCase());
    return splitCommands === undefined
      ? refuse('INVALID_VALUE', `${name} ${quote(value)}: not one of true, false`)
      : accept({ ...config, splitCommands });
  }
  const number = MIGRATION_NUMBERS.find((candidate) => candidate.field === name);
  if (number === undefined) {
    return refuse('FIELD_NOT_FOUND', `${quote(field)}: no such configuration field`);
  }
  const parsed = /^\d{1,16}$/.test(value) ? Number(value) : null;
  if (!isMigrationNumber(parsed, number.min)) {
    return refuse('INVALID_VALUE', `${name} ${quote(value)}: ${migrationNumberDomain(number.min)}`);
  }
  return accept({ ...config, migration: { ...config.migration, [number.key]: parsed } });
}

/** The strategy named by `value` in any case, or null. */
export function parseCompressionStrategy(value: unknown): CompressionStrategy | null {
  if (typeof value !== 'string') return null;
  const name = value.toLowerCase();
  return STRATEGIES.find((strategy) => strategy === name) ?? null;
}

/** Whether `value` is a whole number that a field with this minimum may hold. */
export function isMigrationNumber(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}

/** What such a field accepts, for messages. */
export function migrationNumberDomain(min: number): string {
  return `not a whole number from ${min} to ${Number.MAX_SAFE_INTEGER}`;
}
