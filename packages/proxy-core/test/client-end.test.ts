import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCommand } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { createProxyServer, ProxyError } from '../src/index.ts';
import { type Fixture, startFixture } from './fixture.ts';

/** A client that never closes its side by itself. */
async function clinging(fixture: Fixture): Promise<Socket> {
  const port = Number(fixture.proxy.address.split(':').at(-1));
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.resume();
  socket.on('error', () => undefined);
  return socket;
}

test.each(['QUIT\r\n', '*1\r\n$abc\r\n', 'SET a 1\r\nHELLO 3\r\nGET a\r\nQUIT\r\nPING\r\n'])(
  'after %j the connection ends even if the client keeps its side open',
  async (bytes) => {
    const fixture = await startFixture(['0-16383']);
    const socket = await clinging(fixture);
    socket.write(bytes);
    await once(socket, 'end');
    await expect.poll(() => fixture.proxy.clientCount, { timeout: 4000 }).toBe(0);
    socket.destroy();
    await fixture.stop();
  },
);

test('close does not wait its whole time for clients that keep their side open', async () => {
  const fixture = await startFixture(['0-16383']);
  const sockets = await Promise.all([clinging(fixture), clinging(fixture)]);
  await expect.poll(() => fixture.proxy.clientCount).toBe(2);
  let hasTimedOut = false;
  const timer = setTimeout(() => (hasTimedOut = true), 10_000);
  await fixture.proxy.close({ drainTimeoutMs: 60_000 });
  clearTimeout(timer);
  expect(hasTimedOut).toBe(false);
  for (const socket of sockets) socket.destroy();
  await fixture.stop();
});

test('a client that goes on sending after QUIT still gets its last reply', async () => {
  const fixture = await startFixture(['0-16383']);
  for (let round = 0; round < 20; round++) {
    const client = await fixture.connect();
    client
      .send(Buffer.concat([encodeCommand(['QUIT']), Buffer.alloc(3_000_000, 'x')]))
      .catch(() => undefined);
    await client.closed;
    expect(client.receivedBytes.toString()).toBe('+OK\r\n');
  }
  await fixture.stop();
});

test.each(['destroy', 'close'] as const)('%s while listening starts ends listen', async (how) => {
  const proxy = createProxyServer({ address: '127.0.0.1:0' });
  const listening = proxy.listen();
  listening.catch(() => undefined);
  await proxy[how]();
  await expect(listening).rejects.toThrow(ProxyError);
  await expect(listening).rejects.toMatchObject({ code: 'CLOSED' });
});

test('listening twice is refused and does not disturb the first', async () => {
  const fixture = await startFixture(['0-16383']);
  await expect(fixture.proxy.listen()).rejects.toThrow(ProxyError);
  const client = await fixture.connect();
  expect(await client.command('SET', 'a', '1')).toMatchObject({ value: 'OK' });
  await client.close();
  await fixture.stop();
});
