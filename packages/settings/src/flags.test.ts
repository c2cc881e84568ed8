import { describe, expect, it } from 'vitest';

import { SAMPLE } from '../test/sample-program.ts';
import { settingsOf } from './common-settings.ts';
import { type CommandLine, parseCommandLine } from './flags.ts';

const parse = (...argv: string[]): CommandLine => parseCommandLine(argv, settingsOf(SAMPLE));
const valuesOf = (...argv: string[]) => Object.fromEntries(parse(...argv).values);

describe('parseCommandLine', () => {
  it('takes values as the next word or after an equals sign', () => {
    expect(valuesOf('--password', '0123', '--slow-log-len=5')).toEqual({
      password: '0123',
      slow_log_len: '5',
    });
  });

  it('takes a negative number, and any text after an equals sign', () => {
    expect(valuesOf('--slower-than', '-1', '--password=--a=b')).toEqual({
      slower_than: '-1',
      password: '--a=b',
    });
  });

  it('takes underscores in names but leaves values alone', () => {
    expect(valuesOf('--announce_address=my_host:1')).toEqual({ announce_address: 'my_host:1' });
  });

  it('lets a switch stand alone before the file, or before a word for true or false', () => {
    expect(valuesOf('--redirect', 'a.toml')).toEqual({ redirect: 'true' });
    expect(parse('--redirect', 'a.toml').file).toBe('a.toml');
    expect(valuesOf('--redirect', 'off')).toEqual({ redirect: 'off' });
    expect(valuesOf('--redirect=no')).toEqual({ redirect: 'no' });
    expect(valuesOf('--no-redirect')).toEqual({ redirect: 'false' });
  });

  it('reads what the run is asked for', () => {
    expect(parse().action).toBe('run');
    expect(parse('--print-config').action).toBe('print-config');
    expect(parse('-v').action).toBe('version');
    expect(parse('--version', '-h').action).toBe('help');
    expect(parse('--json', '--exit-with-parent').switches).toEqual({
      json: true,
      exitWithParent: true,
    });
  });

  it('takes every word after two dashes as the file', () => {
    expect(parse('--', '--odd.toml').file).toBe('--odd.toml');
  });

  it.each([
    ['UNKNOWN_FLAG', 'unknown flag --adress, did you mean --address?', ['--adress', 'a:1']],
    ['UNKNOWN_FLAG', 'unknown flag --adress, did you mean --address?', ['--adress=a:1']],
    ['UNKNOWN_FLAG', 'unknown flag --print-confg, did you mean --print-config?', ['--print-confg']],
    ['UNKNOWN_FLAG', 'unknown flag --qqqqqqqq; --help lists the known ones', ['--qqqqqqqq']],
    ['UNKNOWN_FLAG', 'unknown flag --no-password', ['--no-password']],
    ['MISSING_FLAG_VALUE', '--password needs a value', ['--password']],
    ['MISSING_FLAG_VALUE', '--password needs a value', ['--password', '--redirect']],
    ['REPEATED_FLAG', '--redirect is given twice', ['--redirect', '--no-redirect']],
    ['UNEXPECTED_ARGUMENT', 'unexpected argument "b": the only argument is the file', ['a', 'b']],
    ['UNEXPECTED_ARGUMENT', 'unexpected argument "": the only argument is the file', ['']],
  ])('refuses with %s: %s', (code, text, argv) => {
    expect(() => parse(...argv)).toThrow(expect.objectContaining({ code }));
    expect(() => parse(...argv)).toThrow(text);
  });
});
