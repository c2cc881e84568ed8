import { encodeCommand } from '@undermoon/resp';
import { RawClient, startRedis, startScriptedPeer } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import type { LogFields } from '@undermoon/runtime';
import { createProxyServer } from '../src/index.ts';
import { setCluster, startFixture } from './fixture.ts';

test('a server that accepts but never answers the greeting is given up after the timeout', async () => {
  const fixture = await startFixture(['0-16383'], { backendTimeoutMs: 300 });
  const client = await fixture.connect();
  await client.command('HELLO', '3');
  await fixture.redis[0]?.kill('SIGSTOP');
  expect(await client.command('GET', 'a')).toMatchObject({
    type: 'error',
    value: `CLUSTERDOWN Hash slot not served: cannot reach ${fixture.redis[0]?.address}`,
  });
  await fixture.redis[0]?.kill('SIGCONT');
  await client.close();
  await fixture.stop();
});

test('what clients send while a backend connects waits for it, however much it is', async () => {
  const redis = await startRedis({ requirepass: 'hidden' });
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    backendPassword: 'hidden',
    backendConnNum: 1,
    backendQueuedBytesMax: 10_000,
  });
  await proxy.listen();
  await setCluster(proxy, [[redis.address, '0-16383']], { roles: false });
  await redis.kill('SIGSTOP');
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => RawClient.connect(proxy.address)),
  );
  const value = Buffer.alloc(8000, 'v');
  const answers = clients.map((client, i) => client.command('SET', `k${i}`, value));
  // The answers to a probe show that the proxy has read what was sent before.
  const probe = await RawClient.connect(proxy.address);
  for (let i = 0; i < 10; i++) await probe.command('PING');
  await redis.kill('SIGCONT');
  for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ value: 'OK' });
  await Promise.all([...clients, probe].map((client) => client.close()));
  proxy.destroy();
  await redis.stop();
});

test('the end of a lost connection does not touch the one opened after it', async () => {
  // The first connection breaks the protocol while a command waits behind a barrier; that command opens the
  // second connection before the first one's socket is closed.
  const peer = await startScriptedPeer({
    connections: [
      [{ expect: ['INCR', 'a'], reply: '!garbage\r\n' }],
      [{ expect: ['GET', 'b'], reply: '$1\r\nb\r\n' }],
    ],
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, '0-16383']], { roles: false });
  const client = await RawClient.connect(proxy.address);
  await client.send(
    Buffer.concat([['INCR', 'a'], ['RESET'], ['GET', 'b']].map((words) => encodeCommand(words))),
  );
  const [lost, reset, value] = await client.replies(3);
  expect(lost?.type === 'error' && lost.value).toContain('was lost');
  expect([reset, value]).toMatchObject([{ value: 'RESET' }, { value: Buffer.from('b') }]);
  await client.close();
  proxy.destroy();
  await peer.close();
});

test('garbage behind the rest of a cut reply does not put an error into its data', async () => {
  const peer = await startScriptedPeer({
    connections: [
      [
        { expect: ['GET', 'a'], reply: '$10\r\nabc' },
        { expect: ['GET', 'b'], reply: 'defghij\r\n!garbage\r\n' },
      ],
    ],
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, '0-16383']], { roles: false });
  const client = await RawClient.connect(proxy.address);
  await client.send(encodeCommand(['GET', 'a']));
  await expect.poll(() => client.receivedBytes.toString()).toBe('$10\r\nabc');
  await client.send(encodeCommand(['GET', 'b']));
  const [whole, lost] = await client.replies(2);
  expect(whole).toMatchObject({ value: Buffer.from('abcdefghij') });
  expect(lost).toMatchObject({ type: 'error' });
  await client.close();
  proxy.destroy();
  await peer.close();
});

test('a wrong password for the server is told to the operator, once', async () => {
  const redis = await startRedis({ requirepass: 'hidden' });
  const warnings: LogFields[] = [];
  const drop = (): void => undefined;
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    backendPassword: 'wrong',
    backendConnNum: 1,
    backendRetryDelayMs: 0,
    backendWaitMs: 0,
    logger: { debug: drop, info: drop, error: drop, warn: (fields) => warnings.push(fields) },
  });
  await proxy.listen();
  await setCluster(proxy, [[redis.address, '0-16383']], { roles: false });
  const client = await RawClient.connect(proxy.address);
  for (let i = 0; i < 3; i++) {
    expect(await client.command('GET', 'a')).toMatchObject({ type: 'error' });
  }
  expect(warnings).toMatchObject([{ address: redis.address }]);
  expect(String(warnings[0]?.['reason'])).toMatch(/^WRONGPASS /);
  await client.close();
  proxy.destroy();
  await redis.stop();
});

test('a client without the password cannot make the proxy keep much', async () => {
  const fixture = await startFixture(['0-16383'], {
    password: 'secret',
    unauthenticatedBytesMax: 100_000,
  });
  const [stranger, known] = [await fixture.connect(), await fixture.connect()];
  await known.command('AUTH', 'secret');
  const command = encodeCommand(['SET', 'a', Buffer.alloc(300_000, 'x')]);
  await known.send(command);
  expect(await known.reply()).toMatchObject({ value: 'OK' });
  stranger.send(command).catch(() => undefined);
  await stranger.closed;
  expect(stranger.receivedBytes.toString()).toMatch(/^-ERR Protocol error: /);
  await known.close();
  await fixture.stop();
});
