import type { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, next, type Proxies, startProxies } from './two-proxies.ts';

let group: Proxies;

beforeAll(async () => {
  group = await startProxies(2, { threads: 2 });
});

afterAll(() => group.stop());

test('subscribers on every event loop hear every message once; PUBSUB sees all loops', async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, (_, i) => group.connect(i % 2)));
  for (const [i, client] of clients.entries()) {
    await ask(client, 'SUBSCRIBE all');
    await ask(client, `PSUBSCRIBE own:${i}*`);
  }
  const publishers = await Promise.all(Array.from({ length: 4 }, (_, i) => group.connect(i % 2)));
  for (const [i, publisher] of publishers.entries()) {
    await ask(publisher, `PUBLISH all ${i}`);
    await ask(publisher, `PUBLISH own:${i}x ${i}`);
  }
  for (const [i, client] of clients.entries()) {
    const own = i < publishers.length ? [`pmessage own:${i}* own:${i}x ${i}`] : [];
    const expected = [0, 1, 2, 3].map((from) => `message all ${from}`).concat(own);
    expect((await next(client, expected.length)).toSorted()).toEqual(expected.toSorted());
    expect(await ask(client, 'PING end')).toBe('pong end');
  }
  for (const publisher of publishers) {
    expect(await ask(publisher, 'PUBSUB NUMSUB all nothing')).toBe('all 4 nothing 0');
    expect(await ask(publisher, 'PUBSUB CHANNELS')).toBe('all');
    expect(await ask(publisher, 'PUBSUB NUMPAT')).toBe('4');
    for (const line of ['INFO', 'INFO all', 'INFO keyspace stats']) {
      expect(await ask(publisher, line)).toContain(
        'pubsub_channels:1\r\npubsub_patterns:4\r\npubsubshard_channels:0\r\n',
      );
    }
  }
  await expect
    .poll(async () => /pubsub_clients:(\d+)/.exec(await ask(publishers[0]!, 'INFO clients'))?.[1])
    .toBe('4');
  await Promise.all([...clients, ...publishers].map((client) => client.close()));
});

test('a subscriber that pipelines stays on its loop', async () => {
  await using client: RawClient = await group.connect(0, 3);
  await ask(client, 'SUBSCRIBE busy');
  const replies = Array.from({ length: 500 }, () => client.command('PING'));
  await Promise.all(replies);
  await using publisher = await group.connect(1);
  await ask(publisher, 'PUBLISH busy x');
  expect(await next(client, 1)).toEqual(['message busy x']);
});
