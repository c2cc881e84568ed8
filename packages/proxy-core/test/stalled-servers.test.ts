// Commands that wait on a server that says nothing any more.
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient, startScriptedPeer } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';

const TIMEOUT_MS = 300;

function silence(address: string): RespValue {
  const text = `no reply from ${address} within ${TIMEOUT_MS} ms, the command may have been executed`;
  return { type: 'error', value: `ERR ${text}` };
}

async function sectionOf(client: RawClient, section: string): Promise<string> {
  const reply = await client.command('INFO', section);
  return 'value' in reply ? String(reply.value) : '';
}

async function whenBlocked(address: string, count: number): Promise<void> {
  await using client = await RawClient.connect(address);
  const isThere = async (): Promise<boolean> =>
    (await sectionOf(client, 'clients')).includes(`blocked_clients:${count}\r\n`);
  await expect.poll(isThere).toBe(true);
}

test.each([
  [['BLPOP', 'a', '0']],
  [['BLMPOP', '600', '1', 'a', 'LEFT']],
  [['XREAD', 'BLOCK', '0', 'STREAMS', 'a', '$']],
  [
    ['CLIENT', 'TRACKING', 'ON'],
    ['BLPOP', 'a', '0'],
  ],
])('a frozen server ends %j %j with an error', async (...commands) => {
  const fixture = await startFixture([ALL_SLOTS], { backendTimeoutMs: TIMEOUT_MS });
  const redis = fixture.redis[0]!;
  await using client = await fixture.connect();
  await client.command('HELLO', '3');
  const last = commands.at(-1) ?? [];
  for (const words of commands.slice(0, -1)) await client.command(...words);
  await client.send(encodeCommand(last));
  await whenBlocked(redis.address, 1);
  await redis.kill('SIGSTOP');
  const startMs = performance.now();
  expect(await client.reply()).toEqual(silence(redis.address));
  // The time until it is asked, the time that it has to answer, and a share for a busy machine.
  expect(performance.now() - startMs).toBeLessThan(10 * TIMEOUT_MS);
  await redis.kill('SIGCONT');
  await whenBlocked(redis.address, 0);
  await fixture.stop();
});

test('a frozen server ends WAIT too', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendTimeoutMs: TIMEOUT_MS });
  const redis = fixture.redis[0]!;
  await using client = await fixture.connect();
  await client.send(encodeCommand(['WAIT', '1', '0']));
  await whenBlocked(redis.address, 1);
  await redis.kill('SIGSTOP');
  expect(await client.reply()).toMatchObject({ type: 'error' });
  await redis.kill('SIGCONT');
  await fixture.stop();
});

test('a server that answers may let a command wait for long; ioredis gets its element', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendTimeoutMs: 1000 });
  const redis = fixture.redis[0]!;
  const io = new Redis({ port: Number(fixture.proxy.address.split(':')[1]) });
  const popped = io.blpop('a', 0);
  await whenBlocked(redis.address, 1);
  await using server = await RawClient.connect(redis.address);
  // It is asked whether it is there again and again.
  const isAsked = async (): Promise<number> =>
    Number(/cmdstat_ping:calls=(\d+)/.exec(await sectionOf(server, 'commandstats'))?.[1] ?? 0);
  const before = await isAsked();
  await expect.poll(isAsked).toBeGreaterThanOrEqual(before + 2);
  await server.command('RPUSH', 'a', 'v');
  expect(await popped).toEqual(['a', 'v']);
  await io.quit();
  await fixture.stop();
});

test('a connection on which a server forgot its own timeout ends by that of the proxy', async () => {
  await using peer = await startScriptedPeer({
    connections: [[], [], []],
    always: (request) => {
      const name = String(request[0]).toUpperCase();
      if (name === 'PING') return '+PONG\r\n';
      return name === 'CLIENT' ? ':7\r\n' : '';
    },
  });
  const options = { address: '127.0.0.1:0', backendTimeoutMs: TIMEOUT_MS } as const;
  const proxy = createProxyServer(options);
  await proxy.listen();
  await setCluster(proxy, [[peer.address, ALL_SLOTS]], { roles: false });
  await using client = await RawClient.connect(proxy.address);
  const startMs = performance.now();
  expect(await client.command('BLPOP', 'a', '0.5')).toEqual(silence(peer.address));
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(500 + TIMEOUT_MS - 200);
  proxy.destroy();
});
