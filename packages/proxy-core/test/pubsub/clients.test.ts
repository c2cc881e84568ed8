// Publish and subscribe as stock clients do it.
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Proxies, startProxies } from './two-proxies.ts';

let group: Proxies;

beforeAll(async () => {
  group = await startProxies(3);
});

afterAll(() => group.stop());

function hostAndPort(address: string): { host: string; port: number } {
  const [host = '', port = ''] = address.split(':');
  return { host, port: Number(port) };
}

const nodes = (): { host: string; port: number }[] =>
  group.proxies.map(({ address }) => hostAndPort(address));

const plain = (index: number): { host: string; port: number } =>
  hostAndPort(group.proxies[index]!.plainAddress ?? '');

/** Collects what listeners are called with, until there is as much as wanted. */
function inbox(): { note: (...words: unknown[]) => void; whole(count: number): Promise<string[]> } {
  const got: string[] = [];
  return {
    note: (...words) => got.push(words.map(String).join(' ')),
    async whole(count) {
      await expect.poll(() => got.length).toBeGreaterThanOrEqual(count);
      return got.toSorted();
    },
  };
}

describe('ioredis', () => {
  test('Cluster: channels and patterns', async () => {
    const subscriber = new Cluster(nodes());
    const publisher = new Cluster(nodes());
    const box = inbox();
    subscriber.on('message', box.note);
    subscriber.on('pmessage', box.note);
    expect(await subscriber.subscribe('io:1', 'io:2')).toBe(2);
    expect(await subscriber.psubscribe('io:*')).toBe(3);
    for (let i = 1; i <= 3; i++) await publisher.publish(`io:${i}`, String(i));
    expect(await box.whole(5)).toEqual([
      'io:* io:1 1',
      'io:* io:2 2',
      'io:* io:3 3',
      'io:1 1',
      'io:2 2',
    ]);
    expect(await subscriber.unsubscribe('io:1')).toBe(2);
    subscriber.disconnect();
    publisher.disconnect();
  });

  test('Cluster with sharded subscribers', async () => {
    const cluster = new Cluster(nodes(), { shardedSubscribers: true });
    await new Promise((resolve) => cluster.once('ready', resolve));
    const box = inbox();
    cluster.on('smessage', (channel: string, message: string) => box.note(channel, message));
    const channels = ['s:1', 's:2', 's:3', 's:4'];
    for (const channel of channels) await cluster.ssubscribe(channel);
    const publisher = new Cluster(nodes());
    for (const channel of channels) expect(await publisher.spublish(channel, 'x')).toBe(1);
    expect(await box.whole(4)).toEqual(channels.map((channel) => `${channel} x`));
    for (const channel of channels) await cluster.sunsubscribe(channel);
    cluster.disconnect();
    publisher.disconnect();
  });

  test('plain', async () => {
    const subscriber = new Redis(plain(0));
    const publisher = new Redis(plain(1));
    const box = inbox();
    subscriber.on('message', box.note);
    subscriber.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      box.note(channel.length, message.length),
    );
    subscriber.on('smessage', box.note);
    await subscriber.subscribe('plain');
    await subscriber.ssubscribe('sharded:1', 'sharded:2');
    await publisher.publish('plain', 'x');
    await publisher.spublish('sharded:1', 'x');
    await publisher.spublish('sharded:2', 'y');
    expect(await box.whole(4)).toEqual(['5 1', 'plain x', 'sharded:1 x', 'sharded:2 y']);
    await subscriber.unsubscribe();
    await subscriber.sunsubscribe();
    expect(await subscriber.set('key', 'value')).toBe('OK');
    subscriber.disconnect();
    publisher.disconnect();
  });
});

describe.each([2, 3] as const)('node-redis in RESP%i', (RESP) => {
  test('cluster: channels, patterns and shard channels', async () => {
    const rootNodes = nodes().map((socket) => ({ socket }));
    const cluster = createCluster({ rootNodes, RESP });
    await cluster.connect();
    const box = inbox();
    await cluster.subscribe('node:1', box.note);
    await cluster.pSubscribe('node:*', box.note);
    for (const channel of ['sh:1', 'sh:2', 'sh:3']) await cluster.sSubscribe(channel, box.note);
    await cluster.publish('node:1', 'a');
    await cluster.publish('node:2', 'b');
    for (const channel of ['sh:1', 'sh:2', 'sh:3']) await cluster.sPublish(channel, 'c');
    expect(await box.whole(6)).toEqual([
      'a node:1',
      'a node:1',
      'b node:2',
      'c sh:1',
      'c sh:2',
      'c sh:3',
    ]);
    await cluster.unsubscribe('node:1');
    await cluster.pUnsubscribe();
    await cluster.sUnsubscribe('sh:1');
    await cluster.close();
  });

  test('plain: commands go on over a subscribed connection in RESP3', async () => {
    const subscriber = createClient({ socket: plain(0), RESP });
    const publisher = createClient({ socket: plain(2), RESP });
    await Promise.all([subscriber.connect(), publisher.connect()]);
    const box = inbox();
    await subscriber.subscribe('n', box.note);
    await subscriber.pSubscribe('n?', box.note);
    await publisher.publish('n', '1');
    await publisher.publish('n2', '2');
    expect(await box.whole(2)).toEqual(['1 n', '2 n2']);
    if (RESP === 3) {
      await subscriber.set('k', 'v');
      expect(await subscriber.get('k')).toBe('v');
      expect(await subscriber.publish('n', '3')).toBe(1);
      expect(await box.whole(3)).toContain('3 n');
    }
    await subscriber.unsubscribe('n');
    await subscriber.pUnsubscribe('n?');
    // In RESP2 the client gives bytes where it had subscriptions.
    expect(await subscriber.ping()).toHaveLength('PONG'.length);
    await Promise.all([subscriber.close(), publisher.close()]);
  });
});
