// Subscriptions while proxies fail (decision 18): what a client that stays misses, and what one that subscribes anew does.
import { once } from 'node:events';
import { RawClient } from '@undermoon/testkit';
import { Cluster, Redis } from 'ioredis';
import { createCluster } from 'redis';
import { afterEach, expect, it } from 'vitest';
import { clusterDocument, type ClusterDocument } from '../src/broker-http.ts';
import { memberAddresses, servingAddresses, untilHealthy } from '../src/cluster-state.ts';
import { keySlot, slotTags } from '../src/key-slot.ts';
import { NumberedInbox, NumberedPublisher } from '../src/numbered-messages.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { freeze, thaw } from '../src/proxy-signals.ts';
import { killProxy, portOf, type ProxyPart } from '../src/running-cluster.ts';
import { until, within } from '../src/until.ts';
import { startNodes, useCluster } from './use-cluster.ts';

const HEAL_MS = 30_000;
const NEWS = 'news';

// Two chunks, and one spare proxy.
const running = useCluster(() => startProgramCluster({ port: 26600, proxyCount: 5, nodeCount: 8 }));

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function document(): Promise<ClusterDocument> {
  return clusterDocument(running().brokerUrl, 'demo');
}

/** The proxy that serves a slot. */
async function ownerOf(slot: number): Promise<string> {
  const { nodes } = await document();
  const owner = nodes.find(({ slots }) =>
    slots.some(({ range_list: ranges }) => ranges.some(([a, b]) => a <= slot && slot <= b)),
  );
  if (owner === undefined) throw new Error(`nobody serves slot ${slot}`);
  return owner.proxy_address;
}

/** A channel in the first slot of a proxy. */
async function channelAt(address: string): Promise<string> {
  const node = (await document()).nodes.find(
    ({ proxy_address: at, slots }) => at === address && slots.length > 0,
  );
  return `{${slotTags()[node?.slots[0]?.range_list[0]?.[0] ?? 0]}}shard`;
}

function partOf(address: string): ProxyPart {
  const part = running().proxies.find((one) => one.address === address);
  if (part === undefined) throw new Error(`no proxy ${address}`);
  return part;
}

function publishShard(channel: string): NumberedPublisher {
  const publisher = new NumberedPublisher(['SPUBLISH', channel], () => ownerOf(keySlot(channel)));
  open.push(() => publisher.stop());
  return publisher;
}

/** Who hears a shard channel, by the two stock clients. */
async function shardInboxes(channels: readonly string[]): Promise<NumberedInbox[][]> {
  const nodes = startNodes(running());
  const ioredis = new Cluster(
    nodes.map((node) => ({ host: '127.0.0.1', port: portOf(node) })),
    { shardedSubscribers: true },
  );
  open.push(async () => ioredis.disconnect());
  for (const event of ['error', 'node error']) ioredis.on(event, () => undefined);
  await once(ioredis, 'ready');
  const nodeRedis = createCluster({
    RESP: 3,
    rootNodes: nodes.map((node) => ({ url: `redis://${node}` })),
  });
  open.push(async () => nodeRedis.destroy());
  for (const event of ['error', 'node-error']) nodeRedis.on(event, () => undefined);
  await nodeRedis.connect();
  const inboxes = new Map<string, NumberedInbox>();
  ioredis.on('smessage', (channel: string, message: string) => inboxes.get(channel)?.note(message));
  return Promise.all(
    channels.map(async (channel) => {
      const mine = new NumberedInbox(`ioredis ${channel}`);
      const theirs = new NumberedInbox(`node-redis ${channel}`);
      inboxes.set(channel, mine);
      await ioredis.ssubscribe(channel);
      await nodeRedis.sSubscribe(channel, theirs.note);
      return [mine, theirs];
    }),
  );
}

/** A client of one proxy, which is subscribed there. */
async function inboxAt(address: string): Promise<NumberedInbox> {
  const inbox = new NumberedInbox(`a client of ${address}`);
  const client = new Redis(portOf(address), '127.0.0.1');
  open.push(async () => client.disconnect());
  client.on('message', (_: string, message: string) => inbox.note(message));
  await client.subscribe(NEWS);
  return inbox;
}

/** A cluster client that is subscribed at some proxy. */
async function inboxOfCluster(): Promise<NumberedInbox> {
  const inbox = new NumberedInbox('ioredis Cluster');
  const nodes = startNodes(running());
  const client = new Cluster(nodes.map((node) => ({ host: '127.0.0.1', port: portOf(node) })));
  open.push(async () => client.disconnect());
  for (const event of ['error', 'node error']) client.on(event, () => undefined);
  client.on('message', (_: string, message: string) => inbox.note(message));
  await client.subscribe(NEWS);
  return inbox;
}

async function subscriberCount(address: string): Promise<number> {
  await using client = await RawClient.connect(address);
  const reply = await client.command('PUBSUB', 'NUMSUB', NEWS);
  const count = reply.type === 'array' ? reply.items[1] : undefined;
  return count?.type === 'integer' ? Number(count.value) : 0;
}

/** The proxy that somebody is subscribed at. */
async function subscribedAt(addresses: readonly string[]): Promise<string> {
  for (const address of addresses) if ((await subscriberCount(address)) > 0) return address;
  throw new Error('nobody is subscribed');
}

async function untilReplaced(address: string): Promise<void> {
  await until(
    `${address} leaves`,
    async () => !memberAddresses(await document()).includes(address),
    { timeoutMs: HEAL_MS },
  );
}

it(
  'a proxy dies with its servers: others miss nothing, its own subscribers hear all once they are back',
  { timeout: 150_000 },
  async () => {
    const serving = servingAddresses(await document());
    const cluster = await inboxOfCluster();
    const victim = await subscribedAt(serving);
    const others = serving.filter((address) => address !== victim);
    const stable = await Promise.all(others.map(inboxAt));
    const [witness = ''] = others;
    const channels = await Promise.all([channelAt(victim), ...others.map(channelAt)]);
    const [ofVictim = [], ...ofOthers] = await shardInboxes(channels);

    const news = new NumberedPublisher(['PUBLISH', NEWS], () => Promise.resolve(witness));
    open.push(() => news.stop());
    const [atVictim, ...atOthers] = channels.map(publishShard);
    if (atVictim === undefined) throw new Error('no publisher');
    await Promise.all([news, atVictim, ...atOthers].map((publisher) => publisher.more(100)));

    const killedAt = await killProxy(partOf(victim), { withRedis: true });
    await untilReplaced(victim);
    await untilHealthy(running(), HEAL_MS);
    const back = await Promise.all([news.more(100), atVictim.more(100)]);
    await Promise.all([cluster.heard(back[0]), ...ofVictim.map((inbox) => inbox.heard(back[1]))]);
    console.info(`all hear again after ${Math.round(performance.now() - killedAt)} ms`);
    await Promise.all([news, atVictim, ...atOthers].map((publisher) => publisher.more(100)));

    for (const publisher of [news, atVictim, ...atOthers]) await publisher.stop();
    const all = [
      ...stable.map((inbox) => ({ inbox, publisher: news, gaps: 0 })),
      { inbox: cluster, publisher: news, gaps: 1 },
      ...ofVictim.map((inbox) => ({ inbox, publisher: atVictim, gaps: 1 })),
      ...ofOthers.flatMap((inboxes, i) =>
        inboxes.map((inbox) => ({ inbox, publisher: atOthers[i] ?? news, gaps: 0 })),
      ),
    ];
    for (const { inbox, publisher, gaps } of all) {
      await inbox.heard(publisher.acknowledged.at(-1) ?? 0);
      const faults = inbox.faults(publisher.acknowledged);
      console.info(`${inbox.name}: ${inbox.numbers.length} messages, missed ${faults.gaps.join()}`);
      expect([inbox.name, faults.disorders]).toEqual([inbox.name, 0]);
      expect(faults.gaps.length, inbox.name).toBeLessThanOrEqual(gaps);
    }
  },
);

it(
  'a proxy that froze is told that its slots have left, and tells its subscribers',
  { timeout: 150_000 },
  async () => {
    await untilHealthy(running(), HEAL_MS);
    const [address = ''] = servingAddresses(await document());
    const channel = await channelAt(address);
    await using subscriber = await RawClient.connect(address);
    await subscriber.command('SSUBSCRIBE', channel);
    const victim = partOf(address);
    freeze(victim.pid);
    try {
      await until(
        `${address} serves nothing`,
        async () => !servingAddresses(await document()).includes(address),
        { timeoutMs: HEAL_MS },
      );
    } finally {
      thaw(victim.pid);
    }
    const told = await within('the slot has left', subscriber.reply(), HEAL_MS);
    const words = told.type === 'array' ? told.items : [];
    expect(words.map((word) => ('value' in word ? String(word.value) : word.type))).toEqual([
      'sunsubscribe',
      channel,
      '0',
    ]);
    const answer = await subscriber.command('SSUBSCRIBE', channel);
    expect(answer).toMatchObject({ type: 'error' });
    const owner = await ownerOf(keySlot(channel));
    expect('value' in answer ? String(answer.value) : '').toBe(
      `MOVED ${keySlot(channel)} ${owner}`,
    );
  },
);
