import { createHash } from 'node:crypto';

/** Scripts for one key (or two) and one argument. Their effect depends on nothing else. */
export const SCRIPTS = [
  "return redis.call('GET', KEYS[1])",
  "return redis.pcall('INCR', KEYS[1])",
  "redis.call('SET', KEYS[1], ARGV[1]) return redis.status_reply('DONE')",
  "return {KEYS[1], ARGV[1], 7, {1, 'two', {}}, false, 'after nil'}",
  "return redis.error_reply('MYERR of a script')",
  "return redis.error_reply('one word')",
  "return redis.call('NOSUCHCOMMAND', KEYS[1])",
  "return redis.call('LPUSH', KEYS[1], ARGV[1])",
  "return redis.call('EXISTS', unpack(KEYS))",
  "redis.setresp(3) return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
  'return {double = 3.25}',
  "redis.setresp(3) return {map = {field = 'value'}}",
  'return true',
  "return cjson.encode({1, 'two', {three = 3}})",
  "return {err = 'text without a code'}",
  "return {err = 'MYERR with one'}",
  "return {ok = 'fine'}",
  "return redis.pcall('NOSUCHCOMMAND').err",
  "return redis.call('INCRBYFLOAT', KEYS[1], '1.5')",
  "redis.setresp(3) return {big_number = '12345678901234567890'}",
  "redis.setresp(3) return {verbatim_string = {string = 'text', format = 'txt'}}",
  'redis.setresp(3) return {set = {member = true}}',
  "return redis.sha1hex(ARGV[1] or '')",
  'return {1, 2, nil, 4}',
  "return redis.call('TYPE', KEYS[1])",
  "return redis.call('LRANGE', KEYS[1], 0, -1)",
  "return redis.call('GET', 'key of another slot')",
  'return nil',
  'return 3.99',
  'return ARGV[2]',
  'return ( syntax error',
  "error('thrown')",
  "return redis.call('EXPIRE', KEYS[1])",
  "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'x')",
  '#!lua flags=nonsense\nreturn 1',
] as const;

/** Loaded into every server before the stream begins. */
export const LIBRARY: string = [
  '#!lua name=difftest',
  "redis.register_function('difftest_echo', function(keys, args) return {keys[1], args[1]} end)",
  "redis.register_function('difftest_set', function(keys, args) return redis.call('SET', keys[1], args[1]) end)",
  "redis.register_function{function_name='difftest_type', callback=function(keys) return redis.call('TYPE', keys[1]) end, flags={'no-writes'}}",
].join('\n');

/** Loaded by the stream. */
export const OTHER_LIBRARY: string = [
  '#!lua name=word-1',
  "redis.register_function('difftest_later', function(keys, args) return #keys + #args end)",
].join('\n');

export const FUNCTIONS = [
  'difftest_echo',
  'difftest_set',
  'difftest_type',
  'difftest_later',
] as const;

/** As EVALSHA names a script. */
export function sha1Of(script: string): string {
  return createHash('sha1').update(script).digest('hex');
}
