import { parseMigrationTask, type MigrationTask } from '@undermoon/cluster-meta';
import { expect, test } from 'vitest';
import { address, DEMO } from '../../test/store-fixture.ts';
import { commandToJson, parseCommand } from './command-codec.ts';
import type { StoreCommand } from './command.ts';

function task(words: string): MigrationTask {
  const parsed = parseMigrationTask(words);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
}

const AGREED = task('demo MIGRATING 2 0-99 200-299 7 a:1 a:2 b:1 b:2');

test.each<StoreCommand>([
  { kind: 'cancel-migrations', name: DEMO },
  { kind: 'cancel-migrations', name: DEMO, agreed: [] },
  { kind: 'cancel-migrations', name: DEMO, agreed: [AGREED] },
  { kind: 'balance', name: DEMO },
  { kind: 'balance', name: DEMO, inStep: [address('10.0.0.1:7001')] },
  { kind: 'commit-migration', task: AGREED },
])('%j is logged and read as it was', (command) => {
  const logged: unknown = JSON.parse(JSON.stringify(commandToJson(command)));
  expect(parseCommand(logged)).toEqual({ ok: true, value: command });
});
