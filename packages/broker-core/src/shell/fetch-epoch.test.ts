import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { address } from '../../test/store-fixture.ts';
import { fetchProxyEpoch } from './fetch-epoch.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A listener that sends each part of a reply once it has got a request. */
async function proxyThatSays(
  ...parts: readonly string[]
): Promise<{ at: string; got: () => string }> {
  let got = '';
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      got += bytes.toString();
      for (const part of parts) socket.write(part);
      if (parts.length === 0) socket.end();
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert(bound !== null && typeof bound === 'object');
  return { at: `127.0.0.1:${bound.port}`, got: () => got };
}

test('asks for the epoch', async () => {
  const proxy = await proxyThatSays(':12', '34\r', '\n');
  expect(await fetchProxyEpoch(address(proxy.at))).toBe(1234);
  expect(proxy.got()).toBe('*2\r\n$5\r\nUMCTL\r\n$8\r\nGETEPOCH\r\n');
});

test.each([
  { what: 'an error', parts: ['-ERR nope\r\n'] },
  { what: 'a negative number', parts: [':-1\r\n'] },
  { what: 'a number past the safe integers', parts: [':9007199254740993\r\n'] },
  { what: 'a text', parts: ['+7\r\n'] },
  { what: 'an endless line', parts: [':', '1'.repeat(4096)] },
  { what: 'a closed connection', parts: [] },
])('$what is no epoch', async ({ parts }) => {
  const proxy = await proxyThatSays(...parts);
  expect(await fetchProxyEpoch(address(proxy.at))).toBeNull();
});

test('silence is no epoch', async () => {
  const proxy = await proxyThatSays(':1');
  expect(await fetchProxyEpoch(address(proxy.at))).toBeNull();
});

test('nobody there is no epoch', async () => {
  const proxy = await proxyThatSays(':1\r\n');
  servers.pop()?.close();
  expect(await fetchProxyEpoch(address(proxy.at))).toBeNull();
});
