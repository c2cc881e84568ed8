import { describe, expect, test } from 'vitest';
import { epochReplyOf, finishedTasksOf, pushRefusalOf, pushReplyOf } from './proxy-replies.ts';

const TASK = 'demo MIGRATING 1 4096-8191 7 10.0.1.1:6001 10.0.1.1:7001 10.0.1.3:6001 10.0.1.3:7001';

describe('replies to metadata', () => {
  test.each([
    ['OK', { kind: 'ok' }],
    [
      'WARNING: ignored invalid config',
      { kind: 'warning', text: 'WARNING: ignored invalid config' },
    ],
    [1, { kind: 'ok' }],
    [[], { kind: 'ok' }],
    [null, { kind: 'ok' }],
  ])('%j is taken', (value, expected) => {
    expect(pushReplyOf(value)).toEqual(expected);
  });

  test.each([
    ['OLD_EPOCH', null],
    ['OLD_EPOCH 7', null],
    ['OLD_EPOCHS', 'PROXY_REFUSED'],
    ['ERR_NOT_MY_META', 'PROXY_NOT_MY_META'],
    ['TRY_AGAIN', 'PROXY_TRY_AGAIN'],
    ['Invalid arguments', 'PROXY_REFUSED'],
    ['', 'PROXY_REFUSED'],
  ])('-%s', (text, code) => {
    const outcome = pushRefusalOf(text);
    expect(outcome.ok ? null : outcome.code).toBe(code);
  });
});

describe('GETEPOCH', () => {
  test.each([
    ['7', 7],
    ['0', 0],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740993', null],
    ['-1', null],
    ['OK', null],
    [null, null],
    [[], null],
  ])('%j', (value, expected) => {
    expect(epochReplyOf(value)).toBe(expected);
  });
});

describe('INFOMGR', () => {
  test('lists finished tasks', () => {
    const outcome = finishedTasksOf([TASK, TASK.replace('MIGRATING', 'importing')]);
    expect(outcome.ok && outcome.value.map((task) => task.slots.tag.kind)).toEqual([
      'migrating',
      'importing',
    ]);
    expect(finishedTasksOf([])).toEqual({ ok: true, value: [] });
  });

  test.each([
    ['OK'],
    [null],
    [7],
    [['garbage']],
    [[TASK, 'demo MIGRATING']],
    [[[TASK]]],
    [[null]],
    [Array.from({ length: 20_000 }, () => TASK)],
  ])('one wrong element voids the reply (%#)', (value) => {
    expect(finishedTasksOf(value)).toMatchObject({ ok: false, code: 'PROXY_BAD_REPLY' });
  });
});
