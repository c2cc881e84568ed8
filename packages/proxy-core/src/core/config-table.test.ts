import { describe, expect, test } from 'vitest';
import {
  FIXED_PARAMETERS,
  integerParameter,
  planConfigSet,
  readConfig,
  readOnlyParameter,
  type ConfigSource,
} from './config-table.ts';

function source(): { table: ConfigSource; held: { slower: number; rate: number } } {
  const held = { slower: 50_000, rate: 1000 };
  const table = [
    integerParameter({
      name: 'slowlog-log-slower-than',
      min: -1,
      max: 1_000_000,
      read: () => held.slower,
      write: (value) => {
        held.slower = value;
      },
    }),
    integerParameter({
      name: 'slowlog_sample_rate',
      min: 0,
      max: 10,
      read: () => held.rate,
      write: (value) => {
        held.rate = value;
      },
    }),
    readOnlyParameter('backend_conn_num', () => '2'),
    readOnlyParameter('save', () => '', { reason: 'set it elsewhere' }),
    readOnlyParameter('appendonly', () => 'no'),
    ...FIXED_PARAMETERS,
  ];
  return { table, held };
}

describe('readConfig', () => {
  const { table } = source();

  test.each([
    [
      ['save', 'appendonly'],
      ['save', '', 'appendonly', 'no'],
    ],
    [['SAVE'], ['SAVE', '']],
    [['slowlog_log_slower_than'], ['slowlog_log_slower_than', '50000']],
    [['slowlog*'], ['slowlog-log-slower-than', '50000', 'slowlog_sample_rate', '1000']],
    [['s*e', 'save', 's*'].slice(0, 2), ['slowlog_sample_rate', '1000', 'save', '']],
    [['nothing'], []],
    [['password'], []],
  ])('%j', (patterns, expected) => {
    expect(readConfig(table, patterns).flat()).toEqual(expected);
  });
});

function failed(name: string, reason: string): string {
  return `CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

describe('planConfigSet', () => {
  test('applies nothing until told, then everything', () => {
    const { table, held } = source();
    const plan = planConfigSet(table, [
      'SLOWLOG_LOG_SLOWER_THAN',
      '-1',
      'slowlog-sample-rate',
      '3',
    ]);
    expect(held).toEqual({ slower: 50_000, rate: 1000 });
    if (!plan.ok) throw new Error(plan.message);
    for (const step of plan.value) step();
    expect(held).toEqual({ slower: -1, rate: 3 });
  });

  test.each([
    [['foo', '1'], "Unknown option or number of arguments for CONFIG SET - 'foo'"],
    [['foo', '1', 'bar'], 'syntax error'],
    [['databases', '1'], failed('databases', "can't set immutable config")],
    [['SAVE', '1'], failed('SAVE', 'set it elsewhere')],
    [
      ['slowlog_sample_rate', 'abc'],
      failed('slowlog_sample_rate', "argument couldn't be parsed into an integer"),
    ],
    [
      ['slowlog_sample_rate', '99999999999999999999'],
      failed('slowlog_sample_rate', "argument couldn't be parsed into an integer"),
    ],
    [
      ['slowlog_sample_rate', '11'],
      failed('slowlog_sample_rate', 'argument must be between 0 and 10 inclusive'),
    ],
    [
      ['slowlog_sample_rate', '1', 'slowlog-sample-rate', '2'],
      failed('slowlog-sample-rate', 'duplicate parameter'),
    ],
  ])('%j is refused as by Redis', (words, message) => {
    expect(planConfigSet(source().table, words)).toEqual({
      ok: false,
      code: 'CONFIG_REFUSED',
      message,
    });
  });
});
