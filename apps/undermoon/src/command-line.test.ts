import { describe, expect, it } from 'vitest';

import { parseCommandLine, wholeNumber, type Command, type Request } from './command-line.ts';
import { CommandError } from './errors.ts';

const COMMANDS: readonly Command[] = [
  command('up', [], ['nodes', 'dir']),
  command('cluster list', [], []),
  command('cluster info', ['name'], []),
];

function command(name: string, args: string[], values: string[]): Command {
  const flags = [
    ...values.map((flag) => ({ name: flag, value: 'x', doc: '' })),
    { name: 'json', doc: '' },
    { name: 'yes', short: 'y', doc: '' },
  ];
  return { name, args, flags, summary: '', examples: [], run: () => Promise.resolve(0) };
}

function parse(line: string): Request {
  return parseCommandLine(line === '' ? [] : line.split(' '), COMMANDS, {});
}

function refusal(line: string): string {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof CommandError && error.code === 'USAGE') return error.message;
    throw error;
  }
  return 'no refusal';
}

describe('parseCommandLine', () => {
  it('finds commands of one word and of two, with flags in both forms', () => {
    const up = parse('up --nodes 8 --dir=/tmp/x=y --json');
    expect(up).toMatchObject({ kind: 'run', command: { name: 'up' } });
    if (up.kind !== 'run') throw new Error('not a run');
    expect(up.invocation.text('nodes')).toBe('8');
    expect(up.invocation.text('dir')).toBe('/tmp/x=y');
    expect(up.invocation.has('json')).toBe(true);
    expect(up.invocation.has('yes')).toBe(false);
    const info = parse('cluster info -y 007');
    if (info.kind !== 'run') throw new Error('not a run');
    expect(info.command.name).toBe('cluster info');
    expect(info.invocation.words).toEqual(['007']);
    expect(info.invocation.has('yes')).toBe(true);
  });

  it('shows help and version, with and without a command or a group', () => {
    for (const line of ['', '-h', '--help', 'help']) {
      expect(parse(line)).toEqual({ kind: 'help', topic: null });
    }
    for (const line of ['cluster -h', 'cluster --help', 'help cluster']) {
      expect(parse(line)).toEqual({ kind: 'help', topic: 'cluster' });
    }
    expect(parse('up --help')).toMatchObject({ kind: 'help', topic: { name: 'up' } });
    expect(parse('help up')).toMatchObject({ kind: 'help', topic: { name: 'up' } });
    expect(parse('cluster info --help')).toMatchObject({ topic: { name: 'cluster info' } });
    expect(parse('help cluster info')).toMatchObject({ topic: { name: 'cluster info' } });
    expect(parse('--version')).toEqual({ kind: 'version' });
  });

  it.each([
    ['pu', 'unknown command pu, did you mean up?'],
    ['frobnicate', 'unknown command frobnicate; "undermoon --help" lists all'],
    ['clustr list', 'unknown command clustr, did you mean cluster?'],
    ['cluster', 'cluster needs one of: list, info'],
    ['cluster lists', 'unknown command cluster lists, did you mean list?'],
    ['cluster frobnicate', 'unknown command cluster frobnicate; cluster needs one of: list, info'],
    ['cluster info', 'cluster info needs name: undermoon cluster info <name>'],
    ['cluster info a b', 'unexpected argument "b"'],
    ['up now', 'unexpected argument "now"'],
    ['up --nods 4', 'unknown option --nods, did you mean --nodes?'],
    ['up --no-json', 'unknown option --no-json, did you mean --json?'],
    ['up -x', 'unknown option -x; "undermoon up --help" lists all'],
    ['--frob', 'unknown option --frob; "undermoon --help" lists all'],
    ['help pu', 'unknown command pu, did you mean up?'],
    ['up --nodes', '--nodes needs a value: --nodes <x>'],
    ['up --nodes --json', '--nodes needs a value: --nodes <x>'],
    ['up --nodes=', '--nodes needs a value: --nodes <x>'],
    ['up --json=yes', '--json takes no value'],
    ['up --nodes 4 --nodes 8', '--nodes is given twice'],
  ])('refuses "%s"', (line, message) => {
    expect(refusal(line)).toBe(message);
  });
});

describe('wholeNumber', () => {
  const bounds = { min: 4, max: 400, otherwise: 4 };

  it('takes numbers within bounds, and the default', () => {
    for (const [line, value] of [
      ['up --nodes 8', 8],
      ['up', 4],
    ] as const) {
      const request = parse(line);
      if (request.kind !== 'run') throw new Error('not a run');
      expect(wholeNumber(request.invocation, 'nodes', bounds)).toBe(value);
    }
  });

  it.each(['3', '401', '4.5', '1e2', '0x10', 'four', '-4', '9999999999999'])(
    'refuses %s',
    (text) => {
      const request = parse(`up --nodes=${text}`);
      if (request.kind !== 'run') throw new Error('not a run');
      expect(() => wholeNumber(request.invocation, 'nodes', bounds)).toThrow(
        `--nodes: expected a whole number from 4 to 400, got "${text}"`,
      );
    },
  );
});
