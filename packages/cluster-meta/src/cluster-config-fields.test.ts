import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterConfig } from '../test/arbitraries.ts';
import { refusalOf, valueOf } from '../test/outcomes.ts';
import { applyConfigField, clusterConfigFields } from './cluster-config-fields.ts';
import { DEFAULT_CLUSTER_CONFIG } from './cluster-config.ts';

const apply = (field: string, value: string): ReturnType<typeof applyConfigField> =>
  applyConfigField(DEFAULT_CLUSTER_CONFIG, field, value);

describe('flat fields of a configuration', () => {
  it('are five, always in one order', () => {
    expect(clusterConfigFields(DEFAULT_CLUSTER_CONFIG)).toEqual([
      ['compression_strategy', 'disabled'],
      ['migration_max_migration_time', '10800'],
      ['migration_max_blocking_time', '10000'],
      ['migration_scan_interval', '500'],
      ['migration_scan_count', '16'],
    ]);
  });

  it('name the splitting of commands only where it is on', () => {
    const on = valueOf(apply('split_commands', 'TRUE'));
    expect(clusterConfigFields(on).slice(5)).toEqual([['split_commands', 'true']]);
    expect(valueOf(applyConfigField(on, 'split_commands', 'false'))).toEqual(
      DEFAULT_CLUSTER_CONFIG,
    );
  });

  it('carry a whole configuration', () => {
    fc.assert(
      fc.property(clusterConfig, (config) => {
        let rebuilt = DEFAULT_CLUSTER_CONFIG;
        for (const [field, value] of clusterConfigFields(config)) {
          rebuilt = valueOf(applyConfigField(rebuilt, field.toUpperCase(), value));
        }
        expect(rebuilt).toEqual(config);
      }),
    );
  });

  it('are changed one at a time, in a copy', () => {
    const before = structuredClone(DEFAULT_CLUSTER_CONFIG);
    expect(valueOf(apply('migration_scan_count', '1'))).toEqual({
      ...before,
      migration: { ...before.migration, scanCount: 1 },
    });
    expect(DEFAULT_CLUSTER_CONFIG).toEqual(before);
  });

  it.each([
    ['scan_count', '1', 'FIELD_NOT_FOUND: "scan_count": no such configuration field'],
    ['', '1', 'FIELD_NOT_FOUND: "": no such configuration field'],
    ['constructor', '1', 'FIELD_NOT_FOUND: "constructor": no such configuration field'],
    [
      'compression_strategy',
      '',
      'INVALID_VALUE: compression_strategy "": not one of disabled, set_get_only, allow_all',
    ],
    [
      'migration_scan_count',
      '0',
      'INVALID_VALUE: migration_scan_count "0": not a whole number from 1 to 9007199254740991',
    ],
    [
      'migration_max_blocking_time',
      '9007199254740992',
      'INVALID_VALUE: migration_max_blocking_time "9007199254740992": not a whole number from 0 to 9007199254740991',
    ],
    ['split_commands', '1', 'INVALID_VALUE: split_commands "1": not one of true, false'],
  ])('refuses %s %j', (field, value, refusal) => {
    expect(refusalOf(apply(field, value))).toBe(refusal);
  });

  it.each(['', '-1', '+1', '1.5', '1e3', '0x10', ' 1', 'NaN', '٣'])(
    'refuses the number %j',
    (value) => {
      expect(refusalOf(apply('migration_scan_interval', value))).toContain('INVALID_VALUE');
    },
  );
});
