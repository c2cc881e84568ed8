import { accept, refuse } from '@undermoon/runtime';
import {
  isMigrationNumber,
  MIGRATION_NUMBERS,
  migrationNumberDomain,
  parseCompressionStrategy,
} from '../cluster-config-fields.ts';
import {
  DEFAULT_CLUSTER_CONFIG,
  type ClusterConfig,
  type MigrationConfig,
} from '../cluster-config.ts';
import { isJsonObject, memberPath, refuseJson, type JsonOutcome } from './fields.ts';

/** JSON form of `ClusterConfig`. */
export interface ClusterConfigJson {
  readonly compression_strategy: string;
  readonly migration_config: {
    readonly max_migration_time: number;
    readonly max_blocking_time: number;
    readonly scan_interval: number;
    readonly scan_count: number;
  };
  /** Absent: false. */
  readonly split_commands?: true;
}

/** The JSON form of a configuration. */
export function clusterConfigToJson({
  compressionStrategy,
  migration,
  splitCommands,
}: ClusterConfig): ClusterConfigJson {
  return {
    compression_strategy: compressionStrategy,
    migration_config: {
      max_migration_time: migration.maxMigrationTime,
      max_blocking_time: migration.maxBlockingTime,
      scan_interval: migration.scanInterval,
      scan_count: migration.scanCount,
    },
    ...(splitCommands ? { split_commands: true } : {}),
  };
}

/**
 * Reads a configuration. Each member may be absent (defaults), but a `migration_config` that is there
 * has all four numbers. Refuses with the path of the first field at fault.
 */
export function parseClusterConfigJson(value: unknown, path = ''): JsonOutcome<ClusterConfig> {
  const { config, faults } = readClusterConfigJson(value, path);
  const [fault] = faults;
  return fault === undefined ? accept(config) : refuse('INVALID_JSON_FIELD', fault);
}

/** Reads what is valid, takes the default for the rest, and says what was at fault. */
export function readClusterConfigJson(
  value: unknown,
  path: string,
): { readonly config: ClusterConfig; readonly faults: readonly string[] } {
  if (!isJsonObject(value)) {
    return {
      config: DEFAULT_CLUSTER_CONFIG,
      faults: [refuseJson(value, path, 'an object').message],
    };
  }
  const faults: string[] = [];
  const strategy = value['compression_strategy'] ?? DEFAULT_CLUSTER_CONFIG.compressionStrategy;
  const compressionStrategy = parseCompressionStrategy(strategy);
  if (compressionStrategy === null) {
    const where = memberPath(path, 'compression_strategy');
    faults.push(refuseJson(strategy, where, 'a compression strategy').message);
  }
  const where = memberPath(path, 'migration_config');
  const migration = readMigration(value['migration_config'] ?? null, where, faults);
  const splitCommands = value['split_commands'] ?? DEFAULT_CLUSTER_CONFIG.splitCommands;
  if (typeof splitCommands !== 'boolean') {
    faults.push(
      refuseJson(splitCommands, memberPath(path, 'split_commands'), 'true or false').message,
    );
  }
  return {
    config: {
      compressionStrategy: compressionStrategy ?? DEFAULT_CLUSTER_CONFIG.compressionStrategy,
      migration,
      splitCommands: splitCommands === true,
    },
    faults,
  };
}

function readMigration(value: unknown, path: string, faults: string[]): MigrationConfig {
  const config = { ...DEFAULT_CLUSTER_CONFIG.migration };
  if (value === null) return config;
  if (!isJsonObject(value)) {
    faults.push(refuseJson(value, path, 'an object').message);
    return config;
  }
  for (const { jsonKey, key, min } of MIGRATION_NUMBERS) {
    const number = value[jsonKey];
    if (isMigrationNumber(number, min)) config[key] = number;
    else faults.push(`${memberPath(path, jsonKey)}: ${migrationNumberDomain(min)}`);
  }
  return config;
}
