// Every command of the table through a proxy: forwarded ones answer as the Redis server itself does,
// refused ones with their reason.
import { Buffer } from 'node:buffer';
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isForwarded, refusalOf } from '../src/core/command-lookup.ts';
import {
  COMMAND_ARITY,
  COMMAND_NAMES,
  SUBCOMMAND_COUNT,
} from '../src/core/command-table.generated.ts';
import { ALL_SLOTS, type Fixture, startFixture } from './fixture.ts';

const LEAVES = [...COMMAND_NAMES.keys()].filter((id) => SUBCOMMAND_COUNT[id] === 0);

let fixture: Fixture;
let reference: RedisServer;
let proxied: RawClient;
let direct: RawClient;

beforeAll(async () => {
  [fixture, reference] = await Promise.all([startFixture([ALL_SLOTS]), startRedis()]);
  proxied = await fixture.connect();
  direct = await RawClient.connect(reference.address);
});

afterAll(async () => {
  await Promise.all([proxied.close(), direct.close()]);
  await Promise.all([fixture.stop(), reference.stop()]);
});

async function ask(
  client: RawClient,
  commands: readonly (readonly string[])[],
): Promise<RespValue[]> {
  await client.send(Buffer.concat(commands.map((words) => encodeCommand(words))));
  return client.replies(commands.length);
}

/** The command with as many words as it needs; all its keys are the same. */
function sampleOf(id: number): string[] {
  const words = COMMAND_NAMES[id]!.split('|');
  while (words.length < Math.abs(COMMAND_ARITY[id]!)) words.push('1');
  // A millisecond of life would make later replies about the same key a matter of luck.
  if (/^p?(?:expire|setex)$/.test(words[0]!)) words[1] = 'short-lived';
  // Scripts may do without keys, but not here; stream reads find theirs after STREAMS.
  if (/^(?:eval|fcall)/.test(words[0]!)) words.push('1');
  else if (words[0] === 'xread') words.splice(1, 3, 'streams', '1', '1');
  else if (words[0] === 'xreadgroup') words.splice(4, 3, 'streams', '1', '1');
  return words;
}

describe('every command', () => {
  test('forwarded ones get the reply of the server, byte for byte', async () => {
    const commands = LEAVES.filter(isForwarded).map(sampleOf);
    expect(commands.length).toBeGreaterThan(170);
    const [ours, theirs] = await Promise.all([ask(proxied, commands), ask(direct, commands)]);
    expect(commands.map((words, i) => [words[0], ours[i]])).toEqual(
      commands.map((words, i) => [words[0], theirs[i]]),
    );
    expect(proxied.receivedBytes.equals(direct.receivedBytes)).toBe(true);
  });

  test('refused ones get their reason and touch no server', async () => {
    const ids = LEAVES.filter((id) => refusalOf(id) !== '');
    await using server = await RawClient.connect(fixture.redis[0]!.address);
    expect(await proxied.command('SET', 'kept', '1')).toEqual({ type: 'simple', value: 'OK' });
    const before = await server.command('DBSIZE');
    const replies = await ask(proxied, ids.map(sampleOf));
    expect(replies).toEqual(ids.map((id) => ({ type: 'error', value: refusalOf(id) })));
    expect(await server.command('DBSIZE')).toEqual(before);
  });

  test('options that cannot be carried are refused, the rest of the command is not', async () => {
    const errors = await ask(proxied, [
      ['SORT', 'a', 'BY', 'w_*'],
      ['COPY', '{a}1', '{a}2', 'DB', '1'],
      ['MGET', 'a', 'b'],
    ]);
    expect(errors.map((reply) => reply.type)).toEqual(Array.from({ length: 3 }, () => 'error'));
    const [sorted, copied, script] = await ask(proxied, [
      ['SORT', 'none', 'BY', 'nosort'],
      ['COPY', '{a}1', '{a}2', 'DB', '0'],
      ['EVAL', 'return KEYS[1]', '1', 'a'],
    ]);
    expect(sorted).toEqual({ type: 'array', items: [] });
    expect(copied).toEqual({ type: 'integer', value: 0 });
    expect(script).toEqual({ type: 'bulk', value: Buffer.from('a') });
  });

  test('HELP of containers lists what can be used here', async () => {
    for (const name of ['OBJECT', 'memory', 'XGROUP', 'xinfo', 'COMMAND', 'CLIENT', 'CLUSTER']) {
      const reply = await proxied.command(name, 'HELP');
      expect(reply.type).toBe('array');
    }
    const reply = await proxied.command('ACL', 'HELP');
    const lines = 'items' in reply ? reply.items.map((item) => 'value' in item && item.value) : [];
    expect(lines).toContain('WHOAMI');
    expect(lines).not.toContain('SETUSER');
  });
});
