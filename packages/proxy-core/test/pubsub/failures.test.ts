import { once } from 'node:events';
import { createServer } from 'node:net';
import { RawClient } from '@undermoon/testkit';
import { keySlotOf } from '@undermoon/slots';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProxyServer } from '../../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from '../fixture.ts';
import { ask, next, type Proxies, startProxies } from './two-proxies.ts';

/** A field of INFO at a proxy. */
async function infoOf(client: RawClient, field: string): Promise<number> {
  const text = await ask(client, 'INFO');
  return Number(new RegExp(`^${field}:(\\d+)\r$`, 'm').exec(text)?.[1]);
}

/** Publishes numbers until told to stop; the numbers that were published. */
function publishNumbers(client: RawClient, channel: string): { stop(): Promise<string[]> } {
  const numbers: string[] = [];
  const stop = new AbortController();
  const run = async (): Promise<string[]> => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const answer = await ask(client, `PUBLISH ${channel} ${i}`);
      if (!/^\d+$/.test(answer)) throw new Error(answer);
      numbers.push(String(i));
    }
    return numbers;
  };
  const running = run();
  return {
    stop() {
      stop.abort();
      return running;
    },
  };
}

describe('three proxies', () => {
  let group: Proxies;

  beforeAll(async () => {
    group = await startProxies(3);
  });

  afterAll(() => group.stop());

  test('each message comes exactly once, in order, while another shard fails and slots move', async () => {
    const subscribers = await Promise.all([
      group.connect(0),
      group.connect(1, 3),
      group.connectPlain(0),
    ]);
    for (const subscriber of subscribers) {
      await ask(subscriber, 'SUBSCRIBE numbers');
      await ask(subscriber, 'PSUBSCRIBE num*');
    }
    const publisher = await group.connect(1);
    const publishing = publishNumbers(publisher, 'numbers');
    const admin = await group.connect(0);
    const heard = async (count: number): Promise<void> => {
      const before = await infoOf(admin, 'total_net_output_bytes');
      await expect
        .poll(async () => (await infoOf(admin, 'total_net_output_bytes')) - before)
        .toBeGreaterThan(count * 50);
    };
    await heard(100);
    await group.servers[2]!.kill();
    await heard(100);
    // Its slots go to others, and come back; those of the publisher's proxy change too.
    await group.route(2, ['0-8000', '8001-16383', '']);
    await heard(100);
    await group.route(3, ['0-9000', '9001-16383', '']);
    await heard(100);
    await group.servers[2]!.restart();
    await group.route(4);
    await heard(100);
    const sent = await publishing.stop();
    for (const subscriber of subscribers) {
      const got = await next(subscriber, 2 * sent.length);
      for (const prefix of ['message numbers ', 'pmessage num* numbers ']) {
        const numbers = got
          .filter((text) => text.startsWith(prefix))
          .map((text) => text.slice(prefix.length));
        expect(numbers).toEqual(sent);
      }
    }
    await closeAll([...subscribers, publisher, admin]);
  });

  test('a server that was killed and comes back is subscribed to again', async () => {
    const subscriber = await group.connect(0);
    const admin = await group.connect(0);
    const elsewhere = await group.connect(1);
    const shard = shardChannel(0, group.ranges[0]!);
    await ask(subscriber, 'SUBSCRIBE back');
    await ask(subscriber, `SSUBSCRIBE ${shard}`);
    const lost = await infoOf(admin, 'pubsub_links_lost');
    await group.servers[0]!.kill();
    await expect.poll(() => infoOf(admin, 'pubsub_links_lost')).toBe(lost + 1);
    expect(await ask(admin, 'PUBLISH back x')).toContain('CLUSTERDOWN');
    // The others are heard meanwhile, and new subscriptions are confirmed.
    await ask(elsewhere, 'PUBLISH back meanwhile');
    expect(await next(subscriber, 1)).toEqual(['message back meanwhile']);
    expect(await ask(subscriber, 'SUBSCRIBE later')).toBe('subscribe later 2');
    await group.servers[0]!.restart();
    await expect.poll(() => infoOf(admin, 'pubsub_links_up')).toBe(3);
    await expect.poll(() => ask(admin, 'PUBLISH nobody x')).toBe('0');
    for (const line of ['PUBLISH back 1', 'PUBLISH later 2', `SPUBLISH ${shard} 3`]) {
      expect(await ask(admin, line)).toBe('1');
    }
    expect(await next(subscriber, 3)).toEqual([
      'message back 1',
      'message later 2',
      `smessage ${shard} 3`,
    ]);
    await closeAll([subscriber, admin, elsewhere]);
  });

  test('a slot that leaves ends its subscriptions, but not those of the plain port', async () => {
    const channel = shardChannel(0, '5000-5461');
    const clients = [await group.connect(0, 2), await group.connect(0, 3)];
    const plain = await group.connectPlain(2);
    for (const client of [...clients, plain]) await ask(client, `SSUBSCRIBE ${channel}`);
    await ask(clients[1]!, 'SUBSCRIBE other');
    await group.route(10, ['0-4999', '5000-10921', '10922-16383']);
    for (const client of clients)
      expect(await next(client, 1)).toEqual([`sunsubscribe ${channel} 0`]);
    // It left the mode of subscribers.
    expect(await ask(clients[0]!, 'PING')).toBe('PONG');
    const moved = `MOVED ${keySlotOf(channel)} ${group.proxies[1]!.address}`;
    expect(await ask(clients[0]!, `SSUBSCRIBE ${channel}`)).toBe(moved);
    const publisher = await group.connect(1);
    await expect.poll(() => ask(publisher, `PUBSUB SHARDNUMSUB ${channel}`)).toBe(`${channel} 0`);
    await ask(publisher, `SPUBLISH ${channel} x`);
    expect(await next(plain, 1)).toEqual([`smessage ${channel} x`]);
    await closeAll([...clients, plain, publisher]);
    await group.route(11);
  });

  test('a proxy without a server publishes over the others', async () => {
    await group.route(20, ['0-8000', '8001-16383', '']);
    const subscribers = [await group.connect(0), await group.connect(2)];
    for (const subscriber of subscribers) await ask(subscriber, 'SUBSCRIBE a b c d');
    for (const subscriber of subscribers) await subscriber.replies(3);
    const publisher = await group.connect(2);
    for (const channel of ['a', 'b', 'c', 'd']) {
      expect(await ask(publisher, `PUBLISH ${channel} x`)).toBe('1');
    }
    for (const subscriber of subscribers) {
      expect((await next(subscriber, 4)).toSorted()).toEqual(
        ['a', 'b', 'c', 'd'].map((channel) => `message ${channel} x`),
      );
    }
    await closeAll([...subscribers, publisher]);
    await group.route(21);
  });

  test('a proxy that is gone does not hold up a subscription', async () => {
    group.proxies[2]!.destroy();
    const subscriber = await group.connect(0);
    expect(await ask(subscriber, 'SUBSCRIBE x')).toBe('subscribe x 1');
    const publisher = await group.connect(1);
    await ask(publisher, 'PUBLISH x y');
    expect(await next(subscriber, 1)).toEqual(['message x y']);
    await closeAll([subscriber, publisher]);
  });
});

test('a replica that is taken for a master too early repeats nothing', async () => {
  const group = await startProxies(2);
  const [master, replica] = group.servers;
  await using direct = await RawClient.connect(replica!.address);
  await direct.command('REPLICAOF', '127.0.0.1', String(master!.port));
  await expect.poll(() => ask(direct, 'INFO replication')).toContain('master_link_status:up');
  // Without SETREPL: the first proxy has the master, and the second one its replica.
  for (const [i, proxy] of group.proxies.entries()) {
    const peer = group.proxies[1 - i]!.address;
    await setCluster(proxy, [[group.servers[i]!.address, group.ranges[i]!]], {
      epoch: 2,
      roles: false,
      peers: [[peer, group.ranges[1 - i]!]],
    });
  }
  const subscriber = await group.connect(1);
  await ask(subscriber, 'SUBSCRIBE a');
  const publisher = await group.connect(0);
  for (const message of ['1', '2', '3']) await ask(publisher, `PUBLISH a ${message}`);
  await direct.command('REPLICAOF', 'NO', 'ONE');
  const admin = await group.connect(1);
  await expect.poll(() => infoOf(admin, 'pubsub_links_up')).toBe(2);
  await ask(publisher, 'PUBLISH a 4');
  await ask(admin, 'PUBLISH a 5');
  const heard = await next(subscriber, 5);
  expect(heard.toSorted()).toEqual(['1', '2', '3', '4', '5'].map((i) => `message a ${i}`));
  await closeAll([subscriber, publisher, admin]);
  await group.stop();
});

test('without a cluster there is nothing to publish to, and a subscription waits for one', async () => {
  const proxy = createProxyServer({ address: '127.0.0.1:0' });
  await proxy.listen();
  await using client = await RawClient.connect(proxy.address);
  expect(await ask(client, 'PUBLISH a b')).toBe('CLUSTERDOWN Hash slot not served');
  expect(await ask(client, 'SUBSCRIBE a')).toBe('subscribe a 1');
  proxy.destroy();
});

test('a proxy that hangs holds up a subscription for the backend timeout at most', async () => {
  const sockets: { destroy(): void }[] = [];
  const hanging = createServer((socket) => sockets.push(socket));
  hanging.listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const address = hanging.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const options = { backendTimeoutMs: 300 };
  const fixture = await startFixture(['0-8000'], options, [[`127.0.0.1:${port}`, '8001-16383']]);
  await using subscriber = await fixture.connect();
  expect(await ask(subscriber, 'SUBSCRIBE a')).toBe('subscribe a 1');
  // It is known by then, and nobody waits for it again.
  expect(await ask(subscriber, 'SUBSCRIBE b')).toBe('subscribe b 2');
  await using publisher = await fixture.connect();
  await ask(publisher, 'PUBLISH a x');
  expect(await next(subscriber, 1)).toEqual(['message a x']);
  await fixture.stop();
  for (const socket of sockets) socket.destroy();
  hanging.close();
});

test('a slow subscriber is closed at the hard limit; its neighbour gets everything', async () => {
  const options = { outputBytesMax: 2_000_000, outputPauseBytes: 65_536 };
  const fixture = await startFixture([ALL_SLOTS], options);
  const slow = await fixture.connect();
  const quick = await fixture.connect();
  await ask(slow, 'SUBSCRIBE a');
  await ask(quick, 'SUBSCRIBE a');
  slow.pause();
  const publisher = await fixture.connect();
  const message = 'x'.repeat(100_000);
  const answers: string[] = [];
  // What the kernel takes comes on top of the limit.
  while (answers.at(-1) !== '1' && answers.length < 1000) {
    answers.push(await ask(publisher, `PUBLISH a ${message}`));
  }
  expect(answers.at(-1)).toBe('1');
  expect(answers.length).toBeGreaterThan(20);
  const got = await next(quick, answers.length);
  expect(new Set(got)).toEqual(new Set([`message a ${message}`]));
  expect(await infoOf(publisher, 'client_output_buffer_limit_disconnections')).toBe(1);
  slow.resume();
  await slow.closed;
  await closeAll([quick, publisher]);
  await fixture.stop();
});

test('a slow subscriber is closed after a time above the soft limit', async () => {
  const options = { outputSoftBytes: 100_000, outputPauseBytes: 65_536, outputSoftMs: 300 };
  const fixture = await startFixture([ALL_SLOTS], options);
  const slow = await fixture.connect();
  await ask(slow, 'SUBSCRIBE a');
  slow.pause();
  const publisher = await fixture.connect();
  const line = `PUBLISH a ${'x'.repeat(1_000_000)}`;
  for (let i = 0; i < 10; i++) await ask(publisher, line);
  await expect.poll(() => ask(publisher, 'PUBSUB NUMSUB a')).toBe('a 0');
  await publisher.close();
  slow.resume();
  await slow.closed;
  await fixture.stop();
});

test('subscriptions have limits, for a client and for all', async () => {
  const options = { subscriptionsPerClientMax: 3, subscriptionsMax: 5 };
  const fixture = await startFixture([ALL_SLOTS], options);
  const first = await fixture.connect();
  const second = await fixture.connect();
  const ofClient = 'ERR max number of subscriptions of this client reached';
  expect(await ask(first, 'SUBSCRIBE a b c d')).toBe(ofClient);
  await ask(first, 'SUBSCRIBE a b');
  await first.reply();
  expect(await ask(first, 'SUBSCRIBE a b a')).toBe('subscribe a 2');
  await first.replies(2);
  expect(await ask(first, 'PSUBSCRIBE c')).toBe('psubscribe c 3');
  expect(await ask(first, 'SSUBSCRIBE d')).toBe(ofClient);
  expect(await ask(second, 'SUBSCRIBE a b c')).toBe('ERR max number of subscriptions reached');
  await ask(second, 'SUBSCRIBE a b');
  await second.reply();
  expect(await ask(second, 'SUBSCRIBE c')).toBe('ERR max number of subscriptions reached');
  await ask(first, 'UNSUBSCRIBE a');
  expect(await ask(second, 'SUBSCRIBE c')).toBe('subscribe c 3');
  await closeAll([first, second]);
  await fixture.stop();
});

test('a message beyond the limit is dropped and counted', async () => {
  const fixture = await startFixture([ALL_SLOTS], { pubsubMessageBytesMax: 200_000 });
  const subscriber = await fixture.connect();
  await ask(subscriber, 'SUBSCRIBE a');
  const publisher = await fixture.connect();
  for (const size of [150_000, 300_000, 10]) await ask(publisher, `PUBLISH a ${'x'.repeat(size)}`);
  const got = await next(subscriber, 2);
  expect(got.map((text) => text.length - 'message a '.length)).toEqual([150_000, 10]);
  expect(await infoOf(publisher, 'pubsub_messages_dropped')).toBe(1);
  await closeAll([subscriber, publisher]);
  await fixture.stop();
});

test('idle subscribers are no idle clients', async () => {
  const fixture = await startFixture([ALL_SLOTS], { sessionTimeoutMs: 200 });
  const subscriber = await fixture.connect();
  await ask(subscriber, 'SUBSCRIBE a');
  const idle = await fixture.connect();
  await idle.closed;
  expect(await ask(subscriber, 'PING')).toBe('pong ');
  await subscriber.close();
  await fixture.stop();
});

/** A shard channel whose slot is in "first-last". */
function shardChannel(from: number, range: string): string {
  const [first = 0, last = 0] = range.split('-').map(Number);
  for (let i = from; ; i++) {
    const name = `shard:${i}`;
    const slot = keySlotOf(name);
    if (slot >= first && slot <= last) return name;
  }
}

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}
