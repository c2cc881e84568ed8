import { parseMigrationTaskJson, type MigrationTask } from '@undermoon/cluster-meta';
import type { z } from 'zod';
import { documentBy } from './parse-payload.ts';

/** The body of a commit: a finished migration as a proxy reported it. */
export const migrationTaskSchema: z.ZodType<MigrationTask> = documentBy(parseMigrationTaskJson);
