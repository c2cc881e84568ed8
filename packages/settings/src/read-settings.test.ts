import { describe, expect, it } from 'vitest';

import { type Given, inputOf, SAMPLE } from '../test/sample-program.ts';
import { SettingsError } from './errors.ts';
import { readSettings } from './read-settings.ts';

const read = (given: Given) => readSettings(SAMPLE, inputOf(given));

function refusal(given: Given): SettingsError {
  try {
    read(given);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('precedence', () => {
  const files = { 'a.toml': 'slow_log_len = 3\nslower_than = 3\nredirect = true' };
  const env = { UNDERMOON_SLOW_LOG_LEN: '2', UNDERMOON_SLOWER_THAN: '2' };
  const settings = read({ files, env, argv: ['a.toml', '--slow-log-len', '1'] });

  it('takes flags, then variables, then the file, then defaults', () => {
    expect(settings.values).toMatchObject({
      slow_log_len: 1,
      slower_than: 2,
      redirect: true,
      address: '127.0.0.1:5299',
    });
  });

  it('tells where each value came from', () => {
    expect(settings.sources.get('slow_log_len')).toEqual({ kind: 'flag', name: '--slow-log-len' });
    expect(settings.sources.get('slower_than')).toEqual({
      kind: 'environment',
      name: 'UNDERMOON_SLOWER_THAN',
    });
    expect(settings.sources.get('redirect')).toEqual({ kind: 'file', name: 'a.toml' });
    expect(settings.sources.get('address')).toEqual({ kind: 'default' });
  });

  it('checks a value that another source overrides', () => {
    const error = refusal({ argv: ['--redirect'], env: { UNDERMOON_REDIRECT: 'maybe' } });
    expect(error.message).toBe(
      'invalid field redirect (UNDERMOON_REDIRECT): expected true or false, got "maybe"',
    );
  });
});

describe('defaults', () => {
  it('holds for everything that is not given', () => {
    expect(read({}).values).toEqual({
      address: '127.0.0.1:5299',
      announce_address: null,
      fallback: '',
      peers: ['10.0.0.1:1'],
      password: null,
      slow_log_len: 1024,
      slower_than: 50,
      redirect: false,
      strategy: 'disabled',
      log_level: 'info',
      shutdown_timeout: 5000,
    });
  });
});

describe('values that fit', () => {
  it.each([
    ['a TOML integer', 'slow_log_len = 7', 'slow_log_len', 7],
    ['a TOML float, rounded', 'slow_log_len = 7.5', 'slow_log_len', 8],
    ['a TOML text for a number', 'slow_log_len = "7"', 'slow_log_len', 7],
    ['a word for a number', 'slow_log_len = "on"', 'slow_log_len', 1],
    ['a negative number', 'slower_than = -1', 'slower_than', -1],
    ['a TOML integer for a switch', 'redirect = 1', 'redirect', true],
    ['a word for a switch, in any case', 'redirect = "YES"', 'redirect', true],
    ['a TOML integer for a text', 'password = 123', 'password', '123'],
    ['a TOML boolean for a text', 'password = true', 'password', 'true'],
    ['an empty password', 'password = ""', 'password', ''],
    ['a TOML array of addresses', 'peers = ["a:1", " b:2"]', 'peers', ['a:1', 'b:2']],
    ['a comma text of addresses', 'peers = "a:1,b:2,"', 'peers', ['a:1', 'b:2']],
    ['no addresses', 'peers = ""', 'peers', []],
    ['an empty array', 'peers = []', 'peers', []],
    ['an IPv6 address', 'address = "[::1]:5299"', 'address', '[::1]:5299'],
    ['port 0 of a listener', 'address = "localhost:0"', 'address', 'localhost:0'],
    ['an address that may be empty', 'fallback = ""', 'fallback', ''],
    ['a word of a list, in any case', 'strategy = "FIXED"', 'strategy', 'fixed'],
    ['a byte order mark', '\uFEFFslow_log_len = 7', 'slow_log_len', 7],
  ])('takes %s', (_, toml, key, wanted) => {
    const { values } = read({ argv: ['a.toml'], files: { 'a.toml': toml } });
    expect(values).toHaveProperty(key, wanted);
  });
});

describe('values that do not fit', () => {
  it.each([
    ['slow_log_len = "x"', 'a whole number of entries from 1 to 1000000, got "x"'],
    ['slow_log_len = 0', 'a whole number of entries from 1 to 1000000, got 0'],
    ['slow_log_len = 1_000_001', 'a whole number of entries from 1 to 1000000, got 1000001'],
    ['slow_log_len = "1.5"', 'a whole number of entries from 1 to 1000000, got "1.5"'],
    ['slow_log_len = ""', 'a whole number of entries from 1 to 1000000, got ""'],
    ['slow_log_len = inf', 'a whole number of entries from 1 to 1000000, got Infinity'],
    ['slow_log_len = [1]', 'a whole number of entries from 1 to 1000000, got the array [1]'],
    ['slow_log_len = {}', 'a whole number of entries from 1 to 1000000, got a table'],
    ['slow_log_len = 2020-01-01', 'a whole number of entries from 1 to 1000000, got a date'],
    ['slower_than = "9007199254740993"', 'a whole number, got "9007199254740993"'],
    ['redirect = "2"', 'true or false, got "2"'],
    ['redirect = 2', 'true or false, got 2'],
    ['address = "nohost"', 'an address host:port, got "nohost"'],
    ['address = ":80"', 'an address host:port, got ":80"'],
    ['address = "a:65536"', 'an address host:port, got "a:65536"'],
    ['address = 80', 'an address host:port, got 80'],
    ['announce_address = ""', 'an address host:port, got ""'],
    ['announce_address = "a:0"', 'an address host:port, got "a:0"'],
    ['fallback = "x"', 'an address host:port or an empty text, got "x"'],
    [
      'peers = "a:1,,b:2"',
      'addresses host:port, as an array or separated by commas, got "a:1,,b:2"',
    ],
    ['peers = [1]', 'addresses host:port, as an array or separated by commas, got the array [1]'],
    ['strategy = "other"', 'one of disabled, fixed, got "other"'],
    ['password = ["secret"]', 'a text, got a value that is not shown'],
  ])('refuses %s', (toml, wanted) => {
    const error = refusal({ argv: ['a.toml'], files: { 'a.toml': toml } });
    const key = toml.slice(0, toml.indexOf(' '));
    expect(error.message).toBe(`invalid field ${key} (a.toml): expected ${wanted}`);
    expect(error.code).toBe('INVALID_VALUE');
  });

  it('reports all of them at once, with their sources', () => {
    const error = refusal({
      argv: ['--slow-log-len=0', 'a.toml'],
      env: { undermoon_redirect: '?' },
      files: { 'a.toml': 'address = 1' },
    });
    expect(error.problems.map(({ text }) => text.slice(0, text.indexOf(':')))).toEqual([
      'invalid field address (a.toml)',
      'invalid field slow_log_len (--slow-log-len)',
      'invalid field redirect (undermoon_redirect)',
    ]);
  });

  it('shortens a long value', () => {
    const error = refusal({ argv: [`--address=${'x'.repeat(1000)}`] });
    expect(error.message.length).toBeLessThan(150);
  });
});

describe('the file', () => {
  it('may be named without its ending', () => {
    const { values, sources } = read({
      argv: ['conf/a'],
      files: { 'conf/a.toml': 'redirect = 1' },
    });
    expect(values.redirect).toBe(true);
    expect(sources.get('redirect')).toEqual({ kind: 'file', name: 'conf/a.toml' });
  });

  it('is named when it is missing', () => {
    const error = refusal({ argv: ['a.toml'] });
    expect(error.code).toBe('FILE_NOT_FOUND');
    expect(error.message).toBe('there is no file a.toml');
  });

  it.each([
    ['EISDIR', 'cannot read a.toml: it is a folder'],
    ['EACCES', 'cannot read a.toml: permission denied'],
    ['ERR_ENCODING_INVALID_ENCODED_DATA', 'cannot read a.toml: it is not UTF-8 text'],
    ['EIO', 'cannot read a.toml: as told'],
  ])('is named with the reason when reading fails with %s', (code, wanted) => {
    const readFile = (): string => {
      throw Object.assign(new Error('as told'), { code });
    };
    expect(() => readSettings(SAMPLE, { argv: ['a.toml'], env: {}, readFile })).toThrow(wanted);
  });

  it('is refused with line and column when it is torn, without showing its text', () => {
    const toml = 'redirect = true\npassword = "hush-hush';
    const error = refusal({ argv: ['a.toml'], files: { 'a.toml': toml } });
    expect(error.code).toBe('INVALID_TOML');
    expect(error.message).toMatch(/^a\.toml, line 2, column \d+: not valid TOML: /);
    expect(error.message).not.toContain('hush');
    expect(error.message).not.toContain('\n');
  });
});

const warningsOf = (given: Given) => read(given).warnings.map(({ text }) => text);

describe('warnings', () => {
  it('tells of unknown keys with the nearest known one', () => {
    const files = { 'proxy.toml': 'adress = "a:1"\nzzzzzzzz = 1\n[table]\na = 1' };
    expect(warningsOf({ argv: ['proxy.toml'], files })).toEqual([
      'unknown key "adress" in proxy.toml, did you mean "address"?',
      'unknown key "zzzzzzzz" in proxy.toml',
      'unknown key "table" in proxy.toml',
    ]);
  });

  it('tells of unknown variables with the nearest known one', () => {
    const env = { UNDERMOON_ADRESS: 'a:1', Undermoon_Zzzzzzzz: '1', OTHER: '1' };
    expect(warningsOf({ env })).toEqual([
      'unknown variable UNDERMOON_ADRESS, did you mean UNDERMOON_ADDRESS?',
      'unknown variable Undermoon_Zzzzzzzz',
    ]);
  });

  it('is silent about obsolete keys and the variables of Kubernetes services and of other commands', () => {
    const env = {
      UNDERMOON_AUTO_SELECT_CLUSTER: 'true',
      UNDERMOON_BROKER_SERVICE_HOST: '10.0.0.1',
      UNDERMOON_BROKER_SERVICE_PORT_HTTP: '7799',
      UNDERMOON_BROKER_PORT: 'tcp://10.0.0.1:7799',
      UNDERMOON_BROKER_PORT_7799_TCP_ADDR: '10.0.0.1',
      UNDERMOON_NODE: '24.21.0',
      UNDERMOON_BROKER: 'http://10.0.0.1:7799',
      UNDERMOON_ENGINE: '/opt/redis-server',
    };
    const files = { 'a.toml': 'auto_select_cluster = true' };
    expect(warningsOf({ env, files, argv: ['a.toml'] })).toEqual([]);
  });

  it('tells of a setting without effect only when it is changed', () => {
    expect(warningsOf({ argv: ['--strategy', 'fixed'] })).toEqual([
      'strategy has no effect in this version',
    ]);
    expect(warningsOf({ argv: ['--strategy', 'DISABLED'] })).toEqual([]);
  });
});

describe('variables', () => {
  it('compares prefix and key in any case, and prefers the usual spelling', () => {
    expect(read({ env: { undermoon_Slower_than: '1' } }).values.slower_than).toBe(1);
    const env = {
      UNDERMOON_SLOWER_Than: '1',
      UNDERMOON_SLOWER_THAN: '2',
      undermoon_slower_than: '3',
    };
    expect(read({ env }).values.slower_than).toBe(2);
  });

  it('counts an empty variable as set', () => {
    expect(read({ env: { UNDERMOON_PASSWORD: '' } }).values.password).toBe('');
  });

  it('keeps a password as it is written', () => {
    expect(read({ env: { UNDERMOON_PASSWORD: ' 0123 ' } }).values.password).toBe(' 0123 ');
  });
});

const levelOf = (filter: string) => read({ env: { RUST_LOG: filter } }).values.log_level;

describe('RUST_LOG', () => {
  it('sets the most verbose level in it', () => {
    expect(levelOf('undermoon=warn,server_proxy=debug')).toBe('debug');
    expect(levelOf('trace')).toBe('debug');
    expect(levelOf('off')).toBe('error');
  });

  it('is left aside when it says nothing', () => {
    expect(levelOf('undermoon=[{}]')).toBe('info');
    expect(levelOf('')).toBe('info');
  });

  it('gives way to UNDERMOON_LOG_LEVEL', () => {
    const env = { RUST_LOG: 'debug', UNDERMOON_LOG_LEVEL: 'error' };
    expect(read({ env }).values.log_level).toBe('error');
  });
});

describe('help and version', () => {
  it('need neither a file nor right values', () => {
    const given = { argv: ['missing.toml', '--help'], env: { UNDERMOON_REDIRECT: '?' } };
    expect(read(given).action).toBe('help');
    expect(read({ ...given, argv: ['--redirect=?', '-v'] }).action).toBe('version');
  });
});
