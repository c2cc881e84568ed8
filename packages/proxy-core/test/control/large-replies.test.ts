import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeSetCluster } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import type { ProxyServer, ProxyServerOptions } from '../../src/index.ts';
import { largeMetadata, SINGLE_SLOTS_OF_MANY } from './large-metadata.ts';
import { useProxies } from './use-proxies.ts';

const SLOTS = encodeCommand(['CLUSTER', 'SLOTS']);
const PONG = '+PONG\r\n';
const proxies = useProxies();

/** A proxy whose CLUSTER SLOTS is 1.5 MB. */
async function startProxy(options: ProxyServerOptions = {}): Promise<ProxyServer> {
  const proxy = await proxies.start(options);
  const client = await RawClient.connect(proxy.address);
  const document = largeMetadata(SINGLE_SLOTS_OF_MANY, { epoch: 1, local: '127.0.0.1:1' });
  const words = encodeSetCluster(document, { compress: false });
  expect(await client.command('UMCTL', 'SETCLUSTER', ...words)).toMatchObject({ value: 'OK' });
  await client.close();
  return proxy;
}

async function open(proxy: ProxyServer): Promise<Socket> {
  const [host, port] = proxy.address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  proxies.endWith(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** What comes up to the PONG at the end. */
async function receive(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    const bytes = chunk as Buffer;
    chunks.push(bytes);
    if (bytes.toString('latin1', bytes.length - PONG.length) === PONG) break;
  }
  return Buffer.concat(chunks);
}

test('many clients get a large reply at once, each whole and before what was asked after it', async () => {
  const proxy = await startProxy();
  const sockets = await Promise.all(Array.from({ length: 30 }, () => open(proxy)));
  // One that does not read holds nobody up.
  const lazy = await open(proxy);
  lazy.pause();
  lazy.write(Buffer.concat([SLOTS, SLOTS, SLOTS, SLOTS, encodeCommand(['PING'])]));
  for (const socket of sockets) socket.write(Buffer.concat([SLOTS, encodeCommand(['PING'])]));
  const replies = await Promise.all(sockets.map(receive));
  const [first] = replies;
  expect(first!.length).toBeGreaterThan(1_000_000);
  expect(first!.toString('latin1', 0, 8)).toBe('*16384\r\n');
  for (const reply of replies) expect(reply.equals(first!)).toBe(true);
  const slots = first!.subarray(0, first!.length - PONG.length);
  const late = await receive(lazy);
  expect(late.equals(Buffer.concat([slots, slots, slots, slots, Buffer.from(PONG)]))).toBe(true);
});

test('a client that ends its side gets the whole reply, and nothing when it wants none', async () => {
  const proxy = await startProxy();
  const socket = await open(proxy);
  socket.end(SLOTS);
  let received = 0;
  for await (const chunk of socket) received += (chunk as Buffer).length;
  expect(received).toBeGreaterThan(1_000_000);
  const silent = await open(proxy);
  silent.write(
    Buffer.concat([encodeCommand(['CLIENT', 'REPLY', 'SKIP']), SLOTS, encodeCommand(['PING'])]),
  );
  expect((await receive(silent)).toString()).toBe(PONG);
});

test('what waits of a large reply counts as output', async () => {
  const proxy = await startProxy({ outputPauseBytes: 65_536, outputBytesMax: 65_536 });
  const lazy = await open(proxy);
  lazy.pause();
  // More than the kernel keeps for a client that does not read.
  lazy.write(Buffer.concat(Array.from({ length: 20 }, () => SLOTS)));
  const other = await RawClient.connect(proxy.address);
  const infoText = async (): Promise<string> => {
    const info = await other.command('INFO');
    return 'value' in info ? String(info.value) : '';
  };
  await expect.poll(infoText).toContain('client_output_buffer_limit_disconnections:1');
  await other.close();
});
