import {
  migrationTaskToJson,
  parseMigrationTaskJson,
  type ClusterName,
  type MigrationTask,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import { documentBy } from './parse-payload.ts';
import { clusterNameSchema } from './primitives.ts';
import { migrationTaskShape } from './wire-shapes.ts';

/** A planned migration. Proxies are told about those that run only. */
export interface MigrationStatus {
  readonly task: MigrationTask;
  readonly isRunning: boolean;
}

/** All migrations of a cluster. */
export interface ClusterMigrations {
  readonly clusterName: ClusterName;
  /** Whether those that do not run yet wait for `resume`. */
  readonly isPaused: boolean;
  /** In the order in which they begin. */
  readonly migrations: readonly MigrationStatus[];
}

/** The body of a commit: a finished migration as a proxy reported it. */
export const migrationTaskSchema: z.ZodType<MigrationTask> = documentBy(
  parseMigrationTaskJson,
  migrationTaskShape,
);

/** Reads `{"cluster_name": …, "is_paused": …, "migrations": [...]}`. */
export const clusterMigrationsSchema: z.ZodType<ClusterMigrations> = z
  .object({
    cluster_name: clusterNameSchema,
    is_paused: z.boolean(),
    migrations: z.array(z.object({ task: migrationTaskSchema, is_running: z.boolean() })),
  })
  .transform((payload) => ({
    clusterName: payload.cluster_name,
    isPaused: payload.is_paused,
    migrations: payload.migrations.map(({ task, is_running }) => ({
      task,
      isRunning: is_running,
    })),
  }));

/** The wire form of `ClusterMigrations`. */
export function clusterMigrationsToJson(payload: ClusterMigrations): unknown {
  return {
    cluster_name: payload.clusterName,
    is_paused: payload.isPaused,
    migrations: payload.migrations.map(({ task, isRunning }) => ({
      task: migrationTaskToJson(task),
      is_running: isRunning,
    })),
  };
}
