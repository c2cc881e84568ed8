import { expect, it } from 'vitest';
import { parseCommandLine } from './command-line.ts';

it('tells the runs apart', () => {
  expect(parseCommandLine(['proxy', '--json', '--quick'])).toEqual({
    kind: 'proxy',
    isJson: true,
    isQuick: true,
    rounds: 3,
    only: [],
    isWritten: false,
    isBuilt: true,
  });
  expect(
    parseCommandLine(['compare', '--base', 'main~1', '--only', 'get', '--only', 'set']),
  ).toEqual({
    kind: 'compare',
    isJson: false,
    isQuick: false,
    base: 'main~1',
    isBuilt: true,
    only: ['get', 'set'],
  });
  expect(parseCommandLine(['broker', '--quick', '--no-build'])).toEqual({
    kind: 'broker',
    isJson: false,
    isQuick: true,
    isBuilt: false,
  });
  expect(parseCommandLine(['proxy', '--write', '--no-build'])).toMatchObject({
    rounds: 5,
    isWritten: true,
    isBuilt: false,
  });
  expect(parseCommandLine(['allocation', '--where'])).toEqual({
    kind: 'allocation',
    isJson: false,
    isQuick: false,
    only: [],
    isBuilt: true,
    hasSites: true,
  });
  expect(parseCommandLine(['profile', '--only', 'get', '--out', 'x'])).toEqual({
    kind: 'profile',
    isJson: false,
    only: ['get'],
    isBuilt: true,
    isSplit: false,
    out: 'x',
  });
  expect(parseCommandLine(['micro', '--base', 'main'])).toEqual({
    kind: 'micro',
    isJson: false,
    base: 'main',
  });
  expect(parseCommandLine(['micro', '--json'])).toEqual({
    kind: 'micro',
    isJson: true,
    base: null,
  });
  expect(parseCommandLine(['guard'])).toEqual({ kind: 'guard' });
  expect(parseCommandLine(['--help'])).toEqual({ kind: 'help' });
});

it('refuses what makes no sense', () => {
  expect(() => parseCommandLine([])).toThrow(
    'proxy, broker, compare, guard, micro, allocation, control or profile',
  );
  expect(() => parseCommandLine(['compare'])).toThrow('--base');
  expect(() => parseCommandLine(['proxy', 'twice'])).toThrow('not understood: twice');
  expect(() => parseCommandLine(['proxy', '--fast'])).toThrow('--fast');
  for (const rounds of ['0', '1.5', 'many']) {
    expect(() => parseCommandLine(['proxy', '--rounds', rounds])).toThrow('--rounds');
  }
});
