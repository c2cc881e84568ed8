import { Redis, type ChainableCommander } from 'ioredis';
import { createClient, defineScript } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PlainPair, startPlainPair } from './plain-fixture.ts';

const keys = Array.from({ length: 40 }, (_, i) => `key:${i}`);
const LUA = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

let pair: PlainPair;
let host = '';
let port = 0;

beforeAll(async () => {
  pair = await startPlainPair();
  const [name = '', number = ''] = (pair.proxies[0]?.plainAddress ?? '').split(':');
  host = name;
  port = Number(number);
});

beforeEach(async () => {
  const client = await pair.connect();
  await client.command('FLUSHALL');
  await client.close();
});

afterAll(() => pair.stop());

class Counter extends Redis {
  /** Made by `defineCommand`. */
  declare incrementBy: (key: string, by: number) => Promise<number>;
}

describe('ioredis', () => {
  test('pipelines, transactions, scripts, scans and blocking pops', async () => {
    const redis = new Counter({ host, port });
    const pipeline: ChainableCommander = redis.pipeline();
    for (const key of keys) pipeline.set(key, key).get(key);
    const replies = (await pipeline.exec()) ?? [];
    expect(replies.map(([, value]) => value)).toEqual(keys.flatMap((key) => ['OK', key]));
    for (const key of keys.slice(0, 5)) {
      const done = await redis.multi().set(`a{${key}}`, '1').incr(`a{${key}}`).get(key).exec();
      expect(done?.map(([, value]) => value)).toEqual(['OK', 2, key]);
    }
    redis.defineCommand('incrementBy', { numberOfKeys: 1, lua: LUA });
    for (const key of keys) {
      expect(await redis.incrementBy(`n{${key}}`, 3)).toBe(3);
    }
    const scanned: string[] = [];
    for await (const batch of redis.scanStream({ match: 'key:*', count: 5 })) {
      scanned.push(...(batch as string[]));
    }
    expect(scanned.toSorted()).toEqual(keys.toSorted());
    const other = redis.duplicate();
    for (const key of keys.slice(0, 4)) {
      const popped = other.blpop(`list{${key}}`, 0);
      await redis.rpush(`list{${key}}`, key);
      expect(await popped).toEqual([`list{${key}}`, key]);
    }
    await Promise.all([redis.quit(), other.quit()]);
  });
});

describe.each([2, 3] as const)('node-redis, RESP%i', (RESP) => {
  test('pipelines, transactions, scripts, scans and blocking pops', async () => {
    const client = createClient({
      url: `redis://${host}:${port}`,
      RESP,
      scripts: {
        incrementBy: defineScript({
          SCRIPT: LUA,
          NUMBER_OF_KEYS: 1,
          parseCommand(parser, key: string, by: number) {
            parser.pushKey(key);
            parser.push(String(by));
          },
          transformReply: (reply: unknown) => Number(reply),
        }),
      },
    });
    await client.connect();
    const replies = await Promise.all(
      keys.flatMap((key) => [client.set(key, key), client.get(key)]),
    );
    expect(replies).toEqual(keys.flatMap((key) => ['OK', key]));
    for (const key of keys.slice(0, 5)) {
      const done = await client.multi().set(`a{${key}}`, '1').incr(`a{${key}}`).get(key).exec();
      expect(done).toEqual(['OK', 2, key]);
    }
    for (const key of keys) expect(await client.incrementBy(`n{${key}}`, 3)).toBe(3);
    const scanned: string[] = [];
    for await (const batch of client.scanIterator({ MATCH: 'key:*', COUNT: 5 }))
      scanned.push(...batch);
    expect(scanned.toSorted()).toEqual(keys.toSorted());
    const other = client.duplicate();
    await other.connect();
    for (const key of keys.slice(0, 4)) {
      const popped = other.blPop(`list{${key}}`, 0);
      await client.rPush(`list{${key}}`, key);
      expect(await popped).toEqual({ key: `list{${key}}`, element: key });
    }
    await Promise.all([client.close(), other.close()]);
  });
});
