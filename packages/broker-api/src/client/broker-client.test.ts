// Brokers that answer what a broker should not. Real brokers are asked in the tests of broker-core.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import { afterEach, describe, expect, test } from 'vitest';
import type { BrokerClient } from './broker-calls.ts';
import { createBrokerClient } from './broker-client.ts';
import type { BrokerClientOptions } from './options.ts';

const servers: Server[] = [];
const clients: BrokerClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of servers.splice(0)) server.close();
});

interface Scripted {
  readonly at: string;
  /** The first line of each request, in order. */
  readonly requests: string[];
}

/** Listens, and answers each request with the next of these bytes (the last one again and again), or hangs up on null. */
async function brokerThatSays(...answers: readonly (Buffer | string | null)[]): Promise<Scripted> {
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const answer = answers[Math.min(requests.length, answers.length - 1)];
      requests.push(bytes.toString().split('\r\n', 1)[0] ?? '');
      if (answer === null || answer === undefined) socket.destroy();
      else socket.write(answer);
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert(bound !== null && typeof bound === 'object');
  return { at: `127.0.0.1:${bound.port}`, requests };
}

function http(status: number, body: string | Buffer, headers = ''): Buffer {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 ${status} X\r\ncontent-length: ${bytes.length}\r\n${headers}\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

function clientOf(
  brokers: readonly string[],
  options: Partial<BrokerClientOptions> = {},
): BrokerClient {
  const client = createBrokerClient({ brokers, timeoutMs: 300, ...options });
  clients.push(client);
  return client;
}

const ADDRESS = parseNodeAddress('10.0.0.1:6001')!;

describe('garbage', () => {
  test.each<[string, Buffer | string, string]>([
    ['no JSON', http(200, '<html>'), 'BAD_RESPONSE'],
    ['an empty body', http(200, ''), 'BAD_RESPONSE'],
    ['JSON of another shape', http(200, '{"epoch":1}'), 'BAD_RESPONSE'],
    ['an epoch past the safe integers', http(200, '9007199254740993'), 'BAD_RESPONSE'],
    ['no HTTP', '+OK\r\n', 'BAD_RESPONSE'],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12', 'BROKER_TIMEOUT'],
    ['damaged gzip', http(200, 'nope', 'content-encoding: gzip\r\n'), 'BAD_RESPONSE'],
    ['an encoding nobody asked for', http(200, '1', 'content-encoding: br\r\n'), 'BAD_RESPONSE'],
    ['a redirection', http(302, '', 'location: http://127.0.0.1:1/\r\n'), 'BAD_RESPONSE'],
    ['an error without a code', http(500, 'oops'), 'BAD_RESPONSE'],
    ['an error with an unknown code', http(500, '{"error":"NEW"}'), 'BAD_RESPONSE'],
    ['an error of a broker', http(409, '{"error":"RETRY"}'), 'RETRY'],
    ['a 404 in plain text', http(404, ''), 'ROUTE_NOT_FOUND'],
    ['a 405 in plain text', http(405, 'HTTP method not allowed'), 'METHOD_NOT_ALLOWED'],
    ['a 400 in plain text', http(400, 'Request body deserialize error'), 'INVALID_REQUEST'],
  ])('%s', async (_, answer, code) => {
    const broker = await brokerThatSays(answer);
    await expect(clientOf([broker.at]).epoch()).rejects.toMatchObject({
      name: 'BrokerClientError',
      code,
      broker: broker.at,
    });
  });

  test('an error is not taken for a missing proxy', async () => {
    const broker = await brokerThatSays(http(500, '{"error":"EXTERNAL"}'));
    await expect(clientOf([broker.at]).proxy(ADDRESS)).rejects.toMatchObject({
      code: 'EXTERNAL',
      status: 500,
    });
  });

  test('an answer past the limit is not read, compressed or not', async () => {
    const big = `"${'x'.repeat(100_000)}"`;
    for (const answer of [http(200, big), http(200, gzipSync(big), 'content-encoding: gzip\r\n')]) {
      const broker = await brokerThatSays(answer);
      const client = clientOf([broker.at], { responseBytesMax: 10_000 });
      await expect(client.metadata()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    }
  });

  test('answers in pieces are put together', async () => {
    const broker = await brokerThatSays(
      http(200, gzipSync('{"proxy":null}'), 'content-encoding: gzip\r\n'),
    );
    expect(await clientOf([broker.at]).proxy(ADDRESS)).toBeNull();
  });
});

describe('listings', () => {
  const page = (from: number, count: number): Buffer =>
    http(
      200,
      JSON.stringify({ addresses: Array.from({ length: count }, (_, i) => `p:${from + i}`) }),
    );

  test('are asked for page by page until one is not full', async () => {
    const broker = await brokerThatSays(page(1, 100), page(101, 100), page(201, 0));
    expect((await clientOf([broker.at]).proxyAddresses()).length).toBe(200);
    expect(broker.requests).toEqual([
      'GET /api/v3/proxies/addresses?offset=0&limit=100 HTTP/1.1',
      'GET /api/v3/proxies/addresses?offset=100&limit=100 HTTP/1.1',
      'GET /api/v3/proxies/addresses?offset=200&limit=100 HTTP/1.1',
    ]);
  });

  test('fail as a whole when a page does', async () => {
    const broker = await brokerThatSays(page(1, 100), http(500, '{"error":"INTERNAL"}'));
    await expect(clientOf([broker.at]).proxyAddresses()).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });

  test('name an entry once that two pages have', async () => {
    const broker = await brokerThatSays(page(1, 100), page(100, 2));
    expect((await clientOf([broker.at]).proxyAddresses()).length).toBe(101);
  });
});

describe('the next broker', () => {
  test('is not asked because of an answer', async () => {
    const first = await brokerThatSays(http(500, '{"error":"INTERNAL"}'));
    const second = await brokerThatSays(http(200, '1'));
    const client = clientOf([first.at, second.at]);
    await expect(client.epoch()).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(client.epoch()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(second.requests).toEqual([]);
  });

  test('is asked for a GET when the connection breaks, but not for a mutation', async () => {
    const first = await brokerThatSays(null);
    const second = await brokerThatSays(http(200, '7'));
    expect(await clientOf([first.at, second.at]).epoch()).toBe(7);
    const client = clientOf([first.at, second.at]);
    await expect(client.reportFailure(ADDRESS, 'r')).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
    });
    expect(second.requests.length).toBe(1);
    await client.reportFailure(ADDRESS, 'r');
    expect(second.requests.length).toBe(2);
  });

  test('is kept to when the list is replaced by one that has it', async () => {
    const first = await brokerThatSays(null);
    const second = await brokerThatSays(http(200, '7'));
    const client = clientOf([first.at, second.at]);
    await client.epoch();
    client.setBrokers([first.at, second.at, '127.0.0.1:1']);
    await client.epoch();
    expect(first.requests.length).toBe(1);
    client.setBrokers([first.at]);
    await expect(client.epoch()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });
});

describe('options', () => {
  test.each<[Partial<BrokerClientOptions>, string]>([
    [{ brokers: ['nonsense'] }, 'brokers: "nonsense" is not "host:port"'],
    [{ brokers: ['a:0'] }, 'brokers: "a:0" is not "host:port"'],
    [{ brokers: ['a:70000'] }, 'brokers: "a:70000" is not "host:port"'],
    [{ brokers: ['a/b:1'] }, 'brokers: "a/b:1" is not "host:port"'],
    [{ brokers: [], timeoutMs: 0 }, 'timeoutMs: expected a whole number above 0, got 0'],
    [
      { brokers: [], responseBytesMax: 1.5 },
      'responseBytesMax: expected a whole number above 0, got 1.5',
    ],
  ])('%j', (options, message) => {
    expect(() => createBrokerClient({ brokers: [], ...options })).toThrow(new RangeError(message));
  });
});

test('a broker that is cut off from the shared storage is left for the next one', async () => {
  const lost = http(504, JSON.stringify({ error: 'EXTERNAL_TIMEOUT' }));
  const cutOff = await brokerThatSays(lost);
  const sound = await brokerThatSays(http(200, '7'));
  const client = clientOf([cutOff.at, sound.at]);
  expect(await client.epoch()).toBe(7);
  expect(await client.epoch()).toBe(7);
  expect(cutOff.requests).toHaveLength(1);
  // What may have been made is not sent again, but the next request goes to the other broker.
  const writing = clientOf([cutOff.at, sound.at]);
  await expect(writing.removeProxy(ADDRESS)).rejects.toMatchObject({ code: 'EXTERNAL_TIMEOUT' });
  expect(await writing.epoch()).toBe(7);
  expect(sound.requests.filter((line) => line.startsWith('DELETE'))).toEqual([]);
});
