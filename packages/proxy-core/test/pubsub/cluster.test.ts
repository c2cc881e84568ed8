import { RawClient } from '@undermoon/testkit';
import { keySlotOf } from '@undermoon/slots';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, next, type Proxies, startProxies, textOf } from './two-proxies.ts';

const PASSWORD = 'secret of the clients';

/** A channel whose slot proxy `index` of `count` serves. */
function channelAt(index: number, count: number): string {
  const size = Math.floor(16_384 / count);
  for (let i = 0; ; i++) {
    const name = `channel:${i}`;
    if (Math.min(Math.floor(keySlotOf(name) / size), count - 1) === index) return name;
  }
}

describe('three proxies', () => {
  let group: Proxies;

  beforeAll(async () => {
    group = await startProxies(3, { password: PASSWORD });
  });

  afterAll(() => group.stop());

  test('what is published anywhere is heard everywhere, once, in the order of its publisher', async () => {
    const places = [0, 1, 2];
    const subscribers = await Promise.all(places.map((i) => group.connect(i, i === 1 ? 3 : 2)));
    for (const subscriber of subscribers) {
      expect(await ask(subscriber, 'SUBSCRIBE news')).toBe('subscribe news 1');
      expect(await ask(subscriber, 'PSUBSCRIBE n?ws')).toBe('psubscribe n?ws 2');
    }
    const publishers = await Promise.all(places.map((i) => group.connect(i)));
    const sent = await Promise.all(
      publishers.flatMap((publisher, from) =>
        Array.from({ length: 50 }, (_, i) => ask(publisher, `PUBLISH news ${from}:${i}`)),
      ),
    );
    // Those of its own proxy: once for the channel, once for the pattern.
    expect(new Set(sent)).toEqual(new Set(['2']));
    for (const subscriber of subscribers) {
      const heard = await next(subscriber, 300);
      for (const prefix of ['message news', 'pmessage n?ws news']) {
        for (const from of places) {
          const own = heard.filter((text) => text.startsWith(`${prefix} ${from}:`));
          expect(own).toEqual(Array.from({ length: 50 }, (_, i) => `${prefix} ${from}:${i}`));
        }
      }
      expect(await ask(subscriber, 'PING end')).toBe(
        subscriber === subscribers[1] ? 'end' : 'pong end',
      );
    }
    await closeAll([...subscribers, ...publishers]);
  });

  test('channels are bytes', async () => {
    const name = Buffer.from([0, 255, 13, 10, 128]);
    const subscriber = await group.connect(0);
    const publisher = await group.connect(1);
    const confirmed = await subscriber.command('SUBSCRIBE', name);
    expect(confirmed).toMatchObject({ items: [{}, { value: name }, { value: 1 }] });
    await publisher.command('PUBLISH', name, name);
    expect(await subscriber.reply()).toMatchObject({
      items: [{}, { value: name }, { value: name }],
    });
    await closeAll([subscriber, publisher]);
  });

  test('transactions and scripts publish to the whole cluster', async () => {
    const subscriber = await group.connect(0);
    await ask(subscriber, 'SUBSCRIBE from-script from-multi');
    await subscriber.reply();
    const publisher = await group.connect(2);
    const key = channelAt(2, 3);
    await publisher.command(
      'EVAL',
      "return redis.call('PUBLISH', 'from-script', ARGV[1])",
      '1',
      key,
      'x',
    );
    expect(await next(subscriber, 1)).toEqual(['message from-script x']);
    for (const line of ['MULTI', `SET ${key} 1`, 'PUBLISH from-multi y'])
      await ask(publisher, line);
    expect(await ask(publisher, 'EXEC')).toBe('OK 0');
    expect(await next(subscriber, 1)).toEqual(['message from-multi y']);
    await ask(publisher, 'MULTI');
    expect(await ask(publisher, 'SUBSCRIBE x')).toMatch(
      /^ERR 'SUBSCRIBE in MULTI' is not available .*; send it before MULTI or after EXEC$/,
    );
    expect(await ask(publisher, 'EXEC')).toContain('EXECABORT');
    await closeAll([subscriber, publisher]);
  });

  test('WAIT is not heard', async () => {
    const subscriber = await group.connect(0);
    await ask(subscriber, 'PSUBSCRIBE *');
    const other = await group.connect(0);
    expect(await ask(other, 'WAIT 0 0')).toBe('0');
    await ask(other, 'PUBLISH after x');
    expect(await next(subscriber, 1)).toEqual(['pmessage * after x']);
    await closeAll([subscriber, other]);
  });

  test('servers tell of their keys: those of the node, or all on the plain port', async () => {
    for (const server of group.servers) {
      await using direct = await RawClient.connect(server.address);
      await direct.command('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
    }
    const node = await group.connect(0);
    const plain = await group.connectPlain(0);
    for (const subscriber of [node, plain]) {
      await ask(subscriber, 'PSUBSCRIBE *');
      await ask(subscriber, 'SUBSCRIBE __keyevent@0__:set');
    }
    const keys = [0, 1, 2].map((i) => channelAt(i, 3));
    const writer = await group.connectPlain(0);
    for (const key of keys) await ask(writer, `SET ${key} 1`);
    await ask(writer, 'PUBLISH end x');
    const events = (key: string): string[] => [
      `message __keyevent@0__:set ${key}`,
      `pmessage * __keyevent@0__:set ${key}`,
      `pmessage * __keyspace@0__:${key} set`,
    ];
    // They come from several servers, so in any order.
    for (const [client, expected] of [
      [node, [...events(keys[0]!), 'pmessage * end x']],
      [plain, [...keys.flatMap(events), 'pmessage * end x']],
    ] as const) {
      expect((await next(client, expected.length)).toSorted()).toEqual(expected.toSorted());
      expect(await ask(client, 'PING')).toBe('pong ');
    }
    for (const server of group.servers) {
      await using direct = await RawClient.connect(server.address);
      await direct.command('CONFIG', 'SET', 'notify-keyspace-events', '');
    }
    await closeAll([node, plain, writer]);
  });

  test('shard channels belong to the owner of their slot', async () => {
    const channel = channelAt(1, 3);
    const slot = keySlotOf(channel);
    const moved = `MOVED ${slot} ${group.proxies[1]!.address}`;
    const elsewhere = await group.connect(0);
    for (const line of [
      `SSUBSCRIBE ${channel}`,
      `SPUBLISH ${channel} x`,
      `SUNSUBSCRIBE ${channel}`,
    ]) {
      expect(await ask(elsewhere, line)).toBe(moved);
    }
    const owner = await group.connect(1, 3);
    const plain = await group.connectPlain(2);
    const other = channelAt(0, 3);
    expect(await ask(owner, `SSUBSCRIBE ${channel}`)).toBe(`ssubscribe ${channel} 1`);
    expect(await ask(plain, `SSUBSCRIBE ${channel} ${other}`)).toBe(`ssubscribe ${channel} 1`);
    expect(await next(plain, 1)).toEqual([`ssubscribe ${other} 2`]);
    const publisher = await group.connectPlain(0);
    expect(await ask(publisher, `SPUBLISH ${channel} one`)).toBe('1');
    expect(await ask(publisher, `PUBLISH ${channel} not-this`)).toBe('0');
    expect(await ask(publisher, `SPUBLISH ${other} two`)).toBe('0');
    expect(await next(owner, 1)).toEqual([`smessage ${channel} one`]);
    const heard = await next(plain, 2);
    expect(heard.toSorted()).toEqual(
      [`smessage ${channel} one`, `smessage ${other} two`].toSorted(),
    );
    await closeAll([elsewhere, owner, plain, publisher]);
  });

  test('CLIENT and INFO know subscribers', async () => {
    const subscriber = await group.connect(0);
    const admin = await group.connect(0);
    await ask(subscriber, 'CLIENT SETNAME the-subscriber');
    await ask(subscriber, 'SUBSCRIBE a');
    await ask(subscriber, 'PSUBSCRIBE b* c*');
    await subscriber.reply();
    await ask(subscriber, `SSUBSCRIBE ${channelAt(0, 3)}`);
    const list = await ask(admin, 'CLIENT LIST TYPE pubsub');
    const line = list.split('\n').find((text) => text.includes('name=the-subscriber'));
    expect(line).toContain(' flags=P ');
    expect(line).toContain(' sub=1 psub=2 ssub=1 ');
    expect(await ask(admin, 'CLIENT LIST TYPE normal')).not.toContain('the-subscriber');
    const info = await ask(admin, 'INFO');
    for (const field of [
      'pubsub_channels:1',
      'pubsub_patterns:2',
      'pubsubshard_channels:1',
      'pubsub_clients:1',
      'pubsub_links:3',
      'pubsub_links_up:3',
    ]) {
      expect(info).toContain(`\r\n${field}\r\n`);
    }
    await ask(admin, 'CLIENT KILL TYPE pubsub');
    await subscriber.closed;
    expect(await ask(admin, 'INFO stats')).toContain('pubsub_channels:0');
    expect(await ask(admin, 'PUBLISH a x')).toBe('0');
    await admin.close();
  });

  test('a link of another proxy needs the password', async () => {
    await using stranger = await RawClient.connect(group.proxies[0]!.address);
    const answer = textOf(await stranger.command('UMCTL', 'PUBSUB', 'LINK'));
    expect(answer).toContain('NOAUTH');
    expect(textOf(await stranger.command('UMCTL', 'PUBSUB', 'PUBLISH', 'a', 'b'))).toContain(
      'NOAUTH',
    );
  });

  test('in protocol 3 a subscriber does everything else too, and nothing comes within a reply', async () => {
    const subscriber = await group.connect(0, 3);
    const publisher = await group.connect(1);
    const key = channelAt(0, 3);
    await subscriber.command('SET', key, 'x'.repeat(3_000_000));
    await ask(subscriber, 'SUBSCRIBE big');
    const published = Array.from({ length: 200 }, (_, i) => ask(publisher, `PUBLISH big ${i}`));
    const got = Array.from({ length: 30 }, () => subscriber.command('GET', key));
    await Promise.all(published);
    const values = await Promise.all(got);
    const rest = await subscriber.replies(200);
    const all = [...values, ...rest];
    expect(
      all.filter((value) => value.type === 'bulk' && value.value.length === 3_000_000),
    ).toHaveLength(30);
    const pushed = all.filter((value) => value.type === 'push').map(textOf);
    expect(pushed).toEqual(Array.from({ length: 200 }, (_, i) => `message big ${i}`));
    await closeAll([subscriber, publisher]);
  });

  test('messages reach a client in protocol 3 that waits on its server', async () => {
    const subscriber = await group.connect(0, 3);
    const publisher = await group.connect(0);
    const key = channelAt(0, 3);
    await ask(publisher, `DEL ${key}`);
    await ask(subscriber, 'SUBSCRIBE meanwhile');
    await subscriber.send(`*3\r\n$5\r\nBLPOP\r\n$${key.length}\r\n${key}\r\n$1\r\n0\r\n`);
    await ask(publisher, 'PUBLISH meanwhile x');
    expect(await next(subscriber, 1)).toEqual(['message meanwhile x']);
    await ask(publisher, `RPUSH ${key} v`);
    expect(await next(subscriber, 1)).toEqual([`${key} v`]);
    await closeAll([subscriber, publisher]);
  });

  test('messages come while replies are off, as in Redis', async () => {
    const subscriber = await group.connect(0, 3);
    await subscriber.send('CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE quiet\r\n');
    expect(await next(subscriber, 1)).toEqual(['subscribe quiet 1']);
    const publisher = await group.connect(1);
    await ask(publisher, 'PUBLISH quiet x');
    expect(await next(subscriber, 1)).toEqual(['message quiet x']);
    await subscriber.send('UNSUBSCRIBE quiet\r\n');
    expect(await next(subscriber, 1)).toEqual(['unsubscribe quiet 0']);
    await closeAll([subscriber, publisher]);
  });
});

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}
