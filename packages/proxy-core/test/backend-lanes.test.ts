import { encodeCommand } from '@undermoon/resp';
import { RawClient, startRedis } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';

const SOCKETS = ['raw-handle', 'shared-buffer', 'data-events'] as const;

test.each(SOCKETS)('servers are reached over their Unix socket (%s)', async (sockets) => {
  const redis = await startRedis({ unixSocket: true });
  const path = redis.unixSocketPath ?? '';
  const backendSocketPath = path.replace(`${redis.port}`, '{port}');
  const proxy = createProxyServer({ address: '127.0.0.1:0', sockets, backendSocketPath });
  await proxy.listen();
  await setCluster(proxy, [[redis.address, ALL_SLOTS]]);
  const client = await RawClient.connect(proxy.address);
  const big = Buffer.alloc(1024 * 1024, 'x');
  expect(await client.command('SET', 'key', big)).toMatchObject({ value: 'OK' });
  const got = await client.command('GET', 'key');
  expect('value' in got && Buffer.isBuffer(got.value) && got.value.equals(big)).toBe(true);
  const direct = await RawClient.connect(redis.address);
  const list = await direct.command('CLIENT', 'LIST');
  expect('value' in list && String(list.value)).toContain(`addr=${path}:0`);
  proxy.destroy();
  await redis.stop();
});

test('a Unix socket that is not there is a server that cannot be reached', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendSocketPath: '/nowhere/{host}/{port}' });
  const client = await fixture.connect();
  const refused = await client.command('GET', 'key');
  expect('value' in refused && String(refused.value)).toMatch(/^CLUSTERDOWN .*cannot reach 127/);
  await fixture.stop();
});

/** Connections to the first server that have served a request. */
async function openConnections(client: RawClient): Promise<number> {
  const info = await client.command('INFO');
  const [, count] = /connections=(\d+)/.exec('value' in info ? String(info.value) : '') ?? [];
  return Number(count);
}

test('large requests spread over more connections, and every client keeps its order', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendConnNum: 1, backendConnNumLarge: 3 });
  const observer = await fixture.connect();
  const clients = await Promise.all(Array.from({ length: 9 }, () => fixture.connect()));
  const value = 'v'.repeat(2000);
  const rounds = async (client: RawClient, name: string, isDone: () => boolean): Promise<void> => {
    // Two batches are always under way, so that a client changes over only when it is made to wait.
    let sent = 0;
    const send = (): Promise<void> => {
      const batch = Array.from({ length: 10 }, () => [
        encodeCommand(['SET', `{${name}}:value`, `${value}${(sent += 1)}`]),
        encodeCommand(['GETRANGE', `{${name}}:value`, '2000', '-1']),
      ]);
      return client.send(Buffer.concat(batch.flat()));
    };
    await send();
    for (let received = 0; ;) {
      const isLast = isDone();
      if (!isLast) await send();
      for (let i = 0; i < 10; i++) {
        await client.reply();
        received += 1;
        expect(await client.reply()).toMatchObject({ value: Buffer.from(`${received}`) });
      }
      if (isLast) return;
    }
  };
  let isSpread = false;
  const watch = async (): Promise<void> => {
    while ((await openConnections(observer)) < 3) await observer.command('PING');
    isSpread = true;
  };
  await Promise.all([
    watch(),
    ...clients.map((client, i) => rounds(client, `client${i}`, () => isSpread)),
  ]);
  expect(await openConnections(observer)).toBe(3);
  await fixture.stop();
});
