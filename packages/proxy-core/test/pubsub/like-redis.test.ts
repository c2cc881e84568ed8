import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { encodeCommand } from '@undermoon/resp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_SLOTS, type Fixture, startFixture } from '../fixture.ts';
import { startTwins, type Twins } from '../reference.ts';

/** `s`: by the subscriber, with so many replies and pushes for it; `p`: by another client, likewise. */
type Step = readonly [by: 's' | 'p', line: string, forSubscriber?: number];

const SCRIPT: readonly Step[] = [
  ['s', 'MULTI', 1],
  ['s', 'UNSUBSCRIBE', 1],
  ['s', 'SSUBSCRIBE {x}1', 1],
  ['s', 'PUNSUBSCRIBE a*', 1],
  ['s', 'GET {x}key', 1],
  ['s', 'SUNSUBSCRIBE {x}1', 1],
  ['s', 'EXEC', 1],
  ['s', 'SUBSCRIBE', 1],
  ['s', 'UNSUBSCRIBE', 1],
  ['s', 'PUNSUBSCRIBE', 1],
  ['s', 'SUNSUBSCRIBE', 1],
  ['s', 'UNSUBSCRIBE a b', 2],
  ['s', 'PUBSUB CHANNELS', 1],
  ['s', 'SUBSCRIBE a', 1],
  ['s', 'SUBSCRIBE a b a', 3],
  ['p', 'PUBSUB NUMSUB a b c', 0],
  ['p', 'PUBSUB NUMSUB', 0],
  ['p', 'PUBSUB CHANNELS b*', 0],
  ['p', 'PUBSUB CHANNELS c*', 0],
  ['p', 'PUBSUB CHANNELS a b', 0],
  ['p', 'PUBSUB NUMPAT', 0],
  ['p', 'PUBSUB HELP', 0],
  ['p', 'PUBSUB NOTHING', 0],
  ['p', 'PUBSUB', 0],
  ['p', 'PUBLISH a hello', 1],
  ['p', 'PUBLISH nobody hello', 0],
  ['p', 'PUBLISH a', 0],
  // Redis has no order between patterns: one of these matches.
  ['s', 'PSUBSCRIBE a* z?', 2],
  ['p', 'PUBLISH a twice', 2],
  ['p', 'PUBLISH ab once', 1],
  ['p', 'PUBSUB NUMPAT', 0],
  ['s', 'PING', 1],
  ['s', 'PING text', 1],
  ['s', 'PING too many', 1],
  ['s', 'GET key', 1],
  ['s', 'CLIENT GETNAME', 1],
  ['s', 'ECHO x', 1],
  ['s', 'NOTHING x', 1],
  ['s', 'GET', 1],
  ['s', 'PUNSUBSCRIBE a*', 1],
  ['s', 'PUNSUBSCRIBE not-there', 1],
  ['s', 'PUNSUBSCRIBE', 1],
  ['s', 'UNSUBSCRIBE b', 1],
  ['s', 'SSUBSCRIBE {x}1 {x}2', 2],
  ['p', 'SPUBLISH {x}1 sharded', 1],
  ['p', 'SPUBLISH {x}3 sharded', 0],
  ['p', 'PUBLISH {x}1 not-sharded', 0],
  ['p', 'PUBSUB SHARDCHANNELS {x}1', 0],
  ['p', 'PUBSUB SHARDNUMSUB {x}1 a', 0],
  ['p', 'PUBSUB NUMSUB {x}1', 0],
  ['s', 'UNSUBSCRIBE', 1],
  ['s', 'SUNSUBSCRIBE {x}2', 1],
  ['s', 'SUNSUBSCRIBE', 1],
  ['s', 'GET key', 1],
  ['p', 'MULTI', 0],
  ['p', 'PUBLISH a queued', 0],
  ['p', 'SET {a}key 1', 0],
  ['p', 'SPUBLISH {a} queued', 0],
  ['p', 'PING', 0],
  ['p', 'EXEC', 0],
  ['s', 'SUBSCRIBE again', 1],
  ['s', 'RESET', 1],
  ['p', 'PUBLISH again unheard', 0],
  ['s', 'PING', 1],
  ['s', 'SUBSCRIBE last', 1],
  ['s', 'QUIT', 1],
];

async function play(
  subscriber: RawClient,
  publisher: RawClient,
  protocol: 2 | 3,
): Promise<string[]> {
  const log: string[] = [];
  if (protocol === 3) {
    for (const client of [subscriber, publisher]) await client.command('HELLO', '3');
  }
  for (const [by, line, count = 0] of SCRIPT) {
    const seen = [subscriber, publisher].map((client) => client.receivedBytes.length);
    const client = by === 's' ? subscriber : publisher;
    const pushes = subscriber.replies(count);
    const reply = by === 'p' ? publisher.reply() : null;
    await client.send(encodeCommand(line.split(' ')));
    await Promise.all([pushes, reply]);
    const [ofSubscriber, ofPublisher] = [subscriber, publisher].map((one, i) =>
      one.receivedBytes.subarray(seen[i]).toString('latin1'),
    );
    log.push(`${line} -> ${ofPublisher} | ${ofSubscriber}`);
  }
  await subscriber.closed;
  return log;
}

async function playAt(address: string, protocol: 2 | 3): Promise<string[]> {
  await using subscriber = await RawClient.connect(address);
  await using publisher = await RawClient.connect(address);
  // The clients are closed when this function returns.
  const log = await play(subscriber, publisher, protocol);
  return log;
}

describe('beside a Redis server', () => {
  let fixture: Fixture;
  let server: RedisServer;

  beforeAll(async () => {
    fixture = await startFixture([ALL_SLOTS], { plainAddress: '127.0.0.1:0' });
    server = await startRedis();
  });

  afterAll(async () => {
    await Promise.all([fixture.stop(), server.stop()]);
  });

  test.each([2, 3] as const)(
    'the plain port answers byte by byte alike, protocol %i',
    async (protocol) => {
      const expected = await playAt(server.address, protocol);
      expect(await playAt(fixture.proxy.plainAddress ?? '', protocol)).toEqual(expected);
    },
  );
});

describe('beside a Redis server in cluster mode', () => {
  let twins: Twins;

  beforeAll(async () => {
    twins = await startTwins();
  });

  afterAll(() => twins.stop());

  test.each([2, 3] as const)(
    'the cluster port answers byte by byte alike, protocol %i',
    async (protocol) => {
      const expected = await playAt(twins.reference.address, protocol);
      expect(await playAt(twins.fixture.proxy.address, protocol)).toEqual(expected);
    },
  );

  test('shard channels of two slots are refused', async () => {
    const [proxied, direct] = await twins.connect();
    for (const line of ['SSUBSCRIBE a b', 'SUNSUBSCRIBE a b']) {
      const expected = await direct.command(...line.split(' '));
      expect(await proxied.command(...line.split(' '))).toEqual(expected);
    }
    await Promise.all([proxied.close(), direct.close()]);
  });
});
