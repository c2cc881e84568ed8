// UMCTL REDIRECT, by which proxies with active redirection ask each other to be redirected.
import { encodeCommand } from '@undermoon/resp';
import { keySlotOf } from '@undermoon/slots';
import { RawClient, startScriptedPeer } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { setCluster } from './fixture.ts';
import { HALVES, type PlainPair, startPlainPair, wordOf, wordsOf } from './plain-fixture.ts';

const names = Array.from({ length: 50 }, (_, i) => `key:${i}`);
const low = names.find((name) => keySlotOf(name) <= 8191) ?? '';
const high = names.find((name) => keySlotOf(name) > 8191) ?? '';
const REQUEST = ['UMCTL', 'REDIRECT'];

let pair: PlainPair;
let moved = '';

beforeAll(async () => {
  pair = await startPlainPair({
    activeRedirection: true,
    threads: 2,
    spreadClients: 'when-needed',
  });
  moved = `MOVED ${keySlotOf(high)} ${pair.proxies[1]?.address}`;
});

afterAll(() => pair.stop());

async function asked(client: RawClient, ...words: string[]): Promise<string> {
  return wordOf(await client.command(...words));
}

test('a proxy that asks for it is redirected where clients are not', async () => {
  await using client = await RawClient.connect(pair.proxies[0]?.address ?? '');
  expect(await asked(client, 'SET', high, 'a')).toBe('OK');
  expect(await asked(client, ...REQUEST)).toBe('OK');
  expect(await asked(client, 'SET', low, 'b')).toBe('OK');
  for (const words of [
    ['GET', high],
    ['MGET', high, high],
    ['BLPOP', high, '0'],
    ['WATCH', high],
  ]) {
    expect(await asked(client, ...words)).toBe(moved);
  }
  await client.command('MULTI');
  expect(await asked(client, 'GET', high)).toBe(moved);
  expect(await asked(client, 'EXEC')).toMatch(/^EXECABORT/);
  await using other = await RawClient.connect(pair.proxies[0]?.address ?? '');
  expect(wordsOf(await other.command('MGET', low, high))).toEqual(['b', 'a']);
});

test('it stays so on another event loop, and after READONLY and READWRITE', async () => {
  await using client = await RawClient.connect(pair.proxies[0]?.address ?? '');
  await client.command(...REQUEST);
  const replies = client.replies(200);
  await client.send(Buffer.concat(Array.from({ length: 200 }, () => encodeCommand(['GET', low]))));
  await replies;
  expect(await asked(client, 'INFO')).toMatch(/loop1:clients=[1-9]/);
  expect(await asked(client, 'GET', high)).toBe(moved);
  expect(await asked(client, 'READONLY')).toBe('OK');
  expect(await asked(client, 'READWRITE')).toBe('OK');
  expect(await asked(client, 'GET', high)).toBe(moved);
});

test('UMFORWARD counts its hops there, too', async () => {
  await using client = await RawClient.connect(pair.proxies[0]?.address ?? '');
  await client.command(...REQUEST);
  expect(await asked(client, 'UMFORWARD', '1', 'SET', high, 'c')).toBe('OK');
  expect(await asked(client, 'UMFORWARD', '0', 'GET', high)).toBe('ERR_TOO_MANY_REDIRECTIONS');
});

test('on the plain port it changes nothing', async () => {
  await using client = await pair.connect();
  expect(await asked(client, ...REQUEST)).toBe('OK');
  expect(await asked(client, 'SET', high, 'd')).toBe('OK');
});

test('proxies that do not know it are used as they are', async () => {
  const peer = await startScriptedPeer({
    connections: [
      [
        { expect: REQUEST, reply: '-Invalid sub command\r\n' },
        { expect: ['GET', high], reply: '$1\r\nx\r\n' },
      ],
    ],
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0', activeRedirection: true });
  await proxy.listen();
  await setCluster(proxy, [], { peers: [[peer.address, HALVES[1]]] });
  await using client = await RawClient.connect(proxy.address);
  expect(await asked(client, 'GET', high)).toBe('x');
  proxy.destroy();
  await peer.close();
});
