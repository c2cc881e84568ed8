import { encodeCommand } from '@undermoon/resp';
import { freePorts, RawClient, startRedis } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { setCluster, startFixture } from './fixture.ts';

test('several proxies run in one process without knowing of each other', async () => {
  const fixtures = await Promise.all([startFixture(['0-16383']), startFixture(['0-16383'])]);
  const clients = await Promise.all(fixtures.map((fixture) => fixture.connect()));
  await Promise.all(clients.map((client, i) => client.command('SET', 'who', `proxy ${i}`)));
  const values = await Promise.all(clients.map((client) => client.command('GET', 'who')));
  expect(values).toMatchObject([
    { value: Buffer.from('proxy 0') },
    { value: Buffer.from('proxy 1') },
  ]);
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(fixtures.map((fixture) => fixture.stop()));
});

test('close answers what was received, then closes; both ways to stop work twice', async () => {
  const fixture = await startFixture(['0-16383']);
  const client = await fixture.connect();
  await client.command('PING');
  await client.send(
    Buffer.concat(Array.from({ length: 500 }, (_, i) => encodeCommand(['SET', 'k', `${i}`]))),
  );
  // The first reply shows that the whole batch, sent in one write, has been read.
  await client.reply();
  const closed = Promise.all([fixture.proxy.close(), fixture.proxy.close()]);
  await client.closed;
  await closed;
  expect(client.receivedBytes.toString().match(/\+OK/g)?.length).toBe(500);
  fixture.proxy.destroy();
  await fixture.proxy.close();
  await expect(RawClient.connect(fixture.proxy.address)).rejects.toThrow('ECONNREFUSED');
  await fixture.stop();
});

test('nothing of a closed proxy keeps the process busy', async () => {
  const count = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name.startsWith('TCP'))
      .length;
  const redis = await startRedis();
  const before = count();
  for (const stop of ['close', 'destroy'] as const) {
    const proxy = createProxyServer({ address: '127.0.0.1:0' });
    await proxy.listen();
    await setCluster(proxy, [[redis.address, '0-16383']]);
    const client = await RawClient.connect(proxy.address);
    await client.command('SET', 'a', '1');
    await proxy[stop]();
    await client.close();
  }
  await expect.poll(count).toBeLessThanOrEqual(before);
  await redis.stop();
});

test('whoever connects while a proxy starts is served, on each port', async () => {
  const [port = 0, plainPort = 0] = await freePorts(2);
  const proxy = createProxyServer({
    address: `127.0.0.1:${port}`,
    plainAddress: `127.0.0.1:${plainPort}`,
  });
  const early = [connectAsap(port), connectAsap(plainPort)];
  await proxy.listen();
  const clients = await Promise.all(early);
  for (const client of clients)
    expect(await client.command('PING')).toMatchObject({ value: 'PONG' });
  await Promise.all(clients.map((client) => client.close()));
  await proxy.close();
});

/** A client of the first moment in which something listens. */
async function connectAsap(port: number): Promise<RawClient> {
  for (;;) {
    const client = await RawClient.connect({ port }).catch(() => null);
    if (client !== null) return client;
  }
}

test('a taken port and a wrong option are named', async () => {
  const first = createProxyServer({ address: '127.0.0.1:0' });
  await first.listen();
  const second = createProxyServer({ address: first.address });
  await expect(second.listen()).rejects.toThrow(
    `cannot listen on ${first.address}: address already in use`,
  );
  expect(() => createProxyServer({ address: 'nonsense' })).toThrow('address: "nonsense"');
  expect(() => createProxyServer({ backendConnNum: 0 })).toThrow('backendConnNum');
  first.destroy();
  await expect(first.listen()).rejects.toThrow('closed');
});

test('metadata that drops a server lets its last replies out and opens the new one', async () => {
  const fixture = await startFixture(['0-16383']);
  const next = await startRedis();
  const client = await fixture.connect();
  await client.send(
    Buffer.concat(Array.from({ length: 300 }, () => encodeCommand(['INCR', 'counter']))),
  );
  const replies = client.replies(300);
  await setCluster(fixture.proxy, [[next.address, '0-16383']], { epoch: 2 });
  const values = (await replies).map((reply) => ('value' in reply ? reply.value : null));
  expect(values.every((value) => typeof value === 'number')).toBe(true);
  expect(await client.command('SET', 'where', 'new')).toMatchObject({ value: 'OK' });
  const direct = await RawClient.connect(next.address);
  expect(await direct.command('GET', 'where')).toMatchObject({ value: Buffer.from('new') });
  expect(fixture.proxy.epoch).toBe(2);
  await Promise.all([direct.close(), client.close()]);
  await fixture.stop();
  await next.stop();
});

test('UMCTL SHUTDOWN is answered and ends the proxy', async () => {
  const fixture = await startFixture(['0-16383']);
  const client = await fixture.connect();
  expect(await client.command('UMCTL', 'SHUTDOWN')).toMatchObject({ value: 'OK' });
  await client.closed;
  await fixture.stop();
});

test('an idle session is closed after its timeout, a used one is not', async () => {
  const fixture = await startFixture(['0-16383'], { sessionTimeoutMs: 300 });
  const idle = await fixture.connect();
  const used = await fixture.connect();
  const state = { isIdleClosed: false };
  void idle.closed.then(() => (state.isIdleClosed = true));
  while (!state.isIdleClosed) expect(await used.command('PING')).toMatchObject({ value: 'PONG' });
  await used.close();
  await fixture.stop();
});
