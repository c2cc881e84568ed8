import { encodeCommand } from '@undermoon/resp';
import { RawClient, startRedis, startScriptedPeer } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { setCluster, startFixture } from './fixture.ts';

const SLEEP_SCRIPT =
  "local t=redis.call('TIME'); local e=t[1]*1000+t[2]/1000+tonumber(ARGV[1]); repeat t=redis.call('TIME') until t[1]*1000+t[2]/1000>e return 'woke'";

test('commands on a killed server fail honestly, then everything works again after its restart', async () => {
  const fixture = await startFixture(['0-16383'], { backendRetryDelayMs: 10 });
  const [redis] = fixture.redis;
  const client = await fixture.connect();
  expect(await client.command('SET', 'a', '1')).toMatchObject({ value: 'OK' });
  await redis?.kill('SIGSTOP');
  const pending = client.replies(3);
  await client.send(Buffer.concat(['b', 'c', 'd'].map((key) => encodeCommand(['SET', key, '1']))));
  // The commands are on the server's socket before it dies.
  const other = await fixture.connect();
  await other.command('PING');
  await redis?.kill('SIGKILL');
  for (const reply of await pending) {
    expect(reply).toMatchObject({ type: 'error' });
    expect(String('value' in reply && reply.value)).toMatch(
      /^(ERR connection to .* was lost, the command may have been executed|CLUSTERDOWN )/,
    );
  }
  expect(await client.command('GET', 'a')).toMatchObject({ type: 'error' });
  expect(await client.command('PING')).toMatchObject({ value: 'PONG' });
  await redis?.restart();
  await expect
    .poll(async () => (await client.command('SET', 'a', '2')).type, { interval: 20 })
    .toBe('simple');
  await Promise.all([client.close(), other.close()]);
  await fixture.stop();
});

test('a frozen server is given up after the timeout, and says so', async () => {
  const fixture = await startFixture(['0-16383'], { backendTimeoutMs: 300 });
  const client = await fixture.connect();
  await client.command('SET', 'a', '1');
  await fixture.redis[0]?.kill('SIGSTOP');
  const late = await client.command('GET', 'a');
  expect(late.type === 'error' && late.value).toMatch(/^ERR no reply from .* within 300 ms/);
  await fixture.redis[0]?.kill('SIGCONT');
  await expect.poll(async () => (await client.command('GET', 'a')).type).toBe('bulk');
  await client.close();
  await fixture.stop();
});

test('an unreachable server is reported as not served, not as executed', async () => {
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnectTimeoutMs: 500 });
  await proxy.listen();
  const gone = await startRedis();
  await gone.stop();
  await setCluster(proxy, [[gone.address, '0-16383']]);
  const client = await RawClient.connect(proxy.address);
  await client.send(Buffer.concat([encodeCommand(['SET', 'a', '1']), encodeCommand(['PING'])]));
  expect(await client.replies(2)).toMatchObject([
    { type: 'error', value: `CLUSTERDOWN Hash slot not served: cannot reach ${gone.address}` },
    { value: 'PONG' },
  ]);
  await client.close();
  proxy.destroy();
});

test('a reply cut in the middle closes its client instead of inventing the rest', async () => {
  const peer = await startScriptedPeer({
    connections: [
      [
        { expect: ['GET', 'a'], reply: '$3\r\nabc\r\n' },
        { expect: ['GET', 'b'], reply: '$10\r\nabc', connection: 'end' },
      ],
    ],
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, '0-16383']], { roles: false });
  const [client, waiting] = [
    await RawClient.connect(proxy.address),
    await RawClient.connect(proxy.address),
  ];
  expect(await client.command('GET', 'a')).toMatchObject({ value: Buffer.from('abc') });
  const sent = client.send(encodeCommand(['GET', 'b']));
  const lost = waiting.command('GET', 'c');
  await sent;
  await client.closed;
  expect(client.receivedBytes.toString()).toBe('$3\r\nabc\r\n$10\r\nabc');
  // Whoever waited behind it gets an error: its own reply had not begun.
  expect(await lost).toMatchObject({ type: 'error' });
  expect(await waiting.command('PING')).toMatchObject({ value: 'PONG' });
  await waiting.close();
  proxy.destroy();
  await peer.close();
});

test('a server that breaks the protocol loses its connection, nobody gets a wrong reply', async () => {
  const answers = ['!!garbage\r\n', ':1\r\n:2\r\n', '>2\r\n+a\r\n+b\r\n', '*-5\r\n'];
  for (const reply of answers) {
    const peer = await startScriptedPeer({ connections: [[{ expect: ['INCR', 'a'], reply }]] });
    const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
    await proxy.listen();
    await setCluster(proxy, [[peer.address, '0-16383']], { roles: false });
    const client = await RawClient.connect(proxy.address);
    const first = await client.command('INCR', 'a');
    if (reply.startsWith(':')) expect(first).toMatchObject({ type: 'integer', value: 1 });
    else expect(first).toMatchObject({ type: 'error' });
    expect(await client.command('PING')).toMatchObject({ value: 'PONG' });
    await client.close();
    proxy.destroy();
    await peer.close();
  }
});

test('a client that does not read is paused, then closed; its neighbours do not notice', async () => {
  const fixture = await startFixture(['0-16383'], {
    outputPauseBytes: 256 * 1024,
    outputBytesMax: 4 * 1024 * 1024,
  });
  const greedy = await fixture.connect();
  const neighbour = await fixture.connect();
  await greedy.command('SET', 'v', Buffer.alloc(100_000, 'v'));
  greedy.pause();
  const gets = Buffer.concat(Array.from({ length: 1000 }, () => encodeCommand(['GET', 'v'])));
  const sent = greedy.send(gets).catch(() => undefined);
  for (let i = 0; i < 200; i++) {
    expect(await neighbour.command('SET', 'n', String(i))).toMatchObject({ value: 'OK' });
  }
  await expect.poll(() => fixture.proxy.clientCount).toBe(1);
  await sent;
  await Promise.all([greedy.close(), neighbour.close()]);
  await fixture.stop();
});

test('clients of a full backend are paused, not buffered without end, and all are served', async () => {
  const fixture = await startFixture(['0-16383'], { backendPendingMax: 100, backendConnNum: 1 });
  const clients = await Promise.all(Array.from({ length: 10 }, () => fixture.connect()));
  const loads = clients.map(async (client, c) => {
    const commands = Array.from({ length: 2000 }, (_, i) =>
      encodeCommand(['SET', `k${c}`, `${i}`]),
    );
    const replies = client.replies(2000);
    await client.send(Buffer.concat(commands));
    const wrong = (await replies).filter((reply) => !('value' in reply) || reply.value !== 'OK');
    expect(wrong).toEqual([]);
    expect(await client.command('GET', `k${c}`)).toMatchObject({ value: Buffer.from('1999') });
    await client.close();
  });
  await Promise.all(loads);
  await fixture.stop();
});

test('a slow script delays only the commands behind it on the same server', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383']);
  const client = await fixture.connect();
  const slow = client.command('EVAL', SLEEP_SCRIPT, '1', 'b', '300');
  const other = await fixture.connect();
  expect(await other.command('SET', 'foo', '1')).toMatchObject({ value: 'OK' });
  expect(await slow).toMatchObject({ value: Buffer.from('woke') });
  await Promise.all([client.close(), other.close()]);
  await fixture.stop();
});

test('a server that wants a password gets it, in both protocol versions', async () => {
  const redis = await startRedis({ requirepass: 'hidden' });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendPassword: 'hidden' });
  await proxy.listen();
  await setCluster(proxy, [[redis.address, '0-16383']]);
  const client = await RawClient.connect(proxy.address);
  expect(await client.command('SET', 'a', '1')).toMatchObject({ value: 'OK' });
  await client.command('HELLO', '3');
  expect(await client.command('GET', 'a')).toMatchObject({ value: Buffer.from('1') });
  await client.close();
  proxy.destroy();
  await redis.stop();
});
