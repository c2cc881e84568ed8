import type { MigrationTask } from '../migration.ts';
import {
  memberPath,
  parseClusterNameJson,
  parseJsonObject,
  refuseJson,
  type JsonOutcome,
} from './fields.ts';
import { parseTaggedSlotsJson, taggedSlotsToJson, type TaggedSlotsJson } from './tagged-slots.ts';

/** JSON form of `MigrationTask`. */
export interface MigrationTaskJson {
  readonly cluster_name: string;
  readonly slot_range: TaggedSlotsJson;
}

/** The JSON form of a migration to commit. */
export function migrationTaskToJson(task: MigrationTask): MigrationTaskJson {
  return { cluster_name: task.clusterName, slot_range: taggedSlotsToJson(task.slots) };
}

/** Reads a migration to commit; its slots have a tag. Refuses with the path of the field. */
export function parseMigrationTaskJson(value: unknown, path = ''): JsonOutcome<MigrationTask> {
  const task = parseJsonObject<MigrationTask>(value, path, {
    clusterName: ['cluster_name', parseClusterNameJson],
    slots: ['slot_range', parseTaggedSlotsJson],
  });
  if (!task.ok || task.value.slots.tag.kind !== 'none') return task;
  const tag = memberPath(memberPath(path, 'slot_range'), 'tag');
  return refuseJson('None', tag, '{"Migrating": …} or {"Importing": …}');
}
