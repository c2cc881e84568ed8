import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { migrationTask } from '../../test/arbitraries.ts';
import { refusalOf, valueOf } from '../../test/outcomes.ts';
import { COMMIT_BODY, INFOMGR_ELEMENT } from '../../test/worked-example.ts';
import { migrationTaskToJson, parseMigrationTaskJson } from '../json/migration-task.ts';
import { encodeMigrationTask, parseMigrationTask } from './migration-task.ts';

describe('migration tasks', () => {
  it('are in the worked example the element of INFOMGR and the body of the commit', () => {
    const task = valueOf(parseMigrationTask(INFOMGR_ELEMENT));
    expect(JSON.stringify(migrationTaskToJson(task))).toBe(COMMIT_BODY);
    expect(encodeMigrationTask(valueOf(parseMigrationTaskJson(JSON.parse(COMMIT_BODY))))).toBe(
      INFOMGR_ELEMENT,
    );
  });

  it('come back from both forms', () => {
    fc.assert(
      fc.property(migrationTask, (task) => {
        expect(valueOf(parseMigrationTask(encodeMigrationTask(task)))).toEqual(task);
        const json: unknown = JSON.parse(JSON.stringify(migrationTaskToJson(task)));
        expect(valueOf(parseMigrationTaskJson(json))).toEqual(task);
      }),
    );
  });

  it('may be followed by words of later versions', () => {
    expect(parseMigrationTask(`${INFOMGR_ELEMENT} more words`)).toEqual(
      parseMigrationTask(INFOMGR_ELEMENT.replace('MIGRATING', 'Migrating')),
    );
  });

  it('have a tag', () => {
    const task = valueOf(parseMigrationTask(INFOMGR_ELEMENT));
    const untagged = { ...task, slots: { ...task.slots, tag: { kind: 'none' as const } } };
    expect(() => encodeMigrationTask(untagged)).toThrow('a migration task has a tag');
  });

  it.each([
    ['', 'cluster name "": not a cluster name'],
    ['demo', 'slot range count: missing'],
    ['demo 1 0-1', 'tag: not MIGRATING or IMPORTING'],
    [INFOMGR_ELEMENT.replace(' 1 ', '  1 '), 'slot range count "": not a whole number'],
    [INFOMGR_ELEMENT.replace(' 10.0.1.3:7001', ''), 'destination node address: missing'],
    [INFOMGR_ELEMENT.replace('4096-8191', '4096'), 'slot range "4096": not start-end'],
    [INFOMGR_ELEMENT.replace(' 1 ', ' 10 '), 'slot range count 10: only 6 words follow'],
  ])('refuses %j: %s', (text, message) => {
    expect(refusalOf(parseMigrationTask(text))).toBe(`InvalidArgs: ${message}`);
  });

  it('refuses more words than the limit', () => {
    expect(parseMigrationTask(INFOMGR_ELEMENT, { wordsMax: 9 }).ok).toBe(true);
    expect(refusalOf(parseMigrationTask(INFOMGR_ELEMENT, { wordsMax: 8 }))).toBe(
      'InvalidArgs: more than 8 words',
    );
  });
});
