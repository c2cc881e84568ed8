import { textOf } from '@undermoon/resp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultRelay } from './fault-relay.ts';
import { RawClient } from './raw-client.ts';
import { startRedis, type RedisServer } from './redis-server.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe('FaultRelay', () => {
  it('passes bytes on in both directions', async () => {
    await using relay = await startFaultRelay({ target: redis });
    await using client = await RawClient.connect(relay.address);
    const value = 'x'.repeat(3_000_000);
    expect(textOf(await client.command('SET', 'big', value))).toBe('OK');
    expect(textOf(await client.command('GET', 'big'))).toBe(value);
    expect(relay.passedBytes.up).toBeGreaterThan(value.length);
    expect(relay.passedBytes.down).toBeGreaterThan(value.length);
    expect(relay.connectionCount).toBe(1);
  });

  it('passes the end of a connection on', async () => {
    await using relay = await startFaultRelay({ target: redis });
    await using client = await RawClient.connect(relay.address);
    expect(textOf(await client.command('QUIT'))).toBe('OK');
    await client.closed;
    await expect.poll(() => relay.connectionCount).toBe(0);
  });

  it('cuts what is there and accepts what comes', async () => {
    await using relay = await startFaultRelay({ target: redis });
    await using client = await RawClient.connect(relay.address);
    await client.command('PING');
    relay.cut();
    await expect(client.command('PING')).rejects.toThrow();
    await using next = await RawClient.connect(relay.address);
    expect(textOf(await next.command('PING'))).toBe('PONG');
    expect(relay.acceptedCount).toBe(2);
  });

  it('refuses new connections while told to', async () => {
    await using relay = await startFaultRelay({ target: redis });
    relay.refuse(true);
    // The reset may come before or after the client sees itself connected.
    await expect(
      RawClient.connect(relay.address).then((client) => client.command('PING')),
    ).rejects.toThrow();
    relay.refuse(false);
    await using client = await RawClient.connect(relay.address);
    expect(textOf(await client.command('PING'))).toBe('PONG');
  });

  it('freezes and thaws without losing or turning a byte', async () => {
    await using relay = await startFaultRelay({ target: redis });
    await using client = await RawClient.connect(relay.address);
    await client.command('SET', 'frozen', '0');
    relay.freeze(['up']);
    const late = [client.command('APPEND', 'frozen', '1'), client.command('APPEND', 'frozen', '2')];
    await using direct = await RawClient.connect(redis);
    expect(textOf(await direct.command('GET', 'frozen'))).toBe('0');
    relay.thaw();
    await Promise.all(late);
    expect(textOf(await direct.command('GET', 'frozen'))).toBe('012');
  });

  it('delays, and keeps the order', async () => {
    await using relay = await startFaultRelay({ target: redis });
    await using client = await RawClient.connect(relay.address);
    await client.command('PING');
    relay.delay(40, ['up']);
    const startedAt = performance.now();
    const receivedBefore = relay.receivedBytes.up;
    const delayed = client.command('ECHO', 'slow');
    await expect
      .poll(() => relay.receivedBytes.up, { interval: 1 })
      .toBeGreaterThan(receivedBefore);
    relay.delay(0);
    const fast = client.command('ECHO', 'fast');
    expect(textOf(await delayed)).toBe('slow');
    expect(textOf(await fast)).toBe('fast');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(39);
  });

  it('truncates a reply after so many bytes', async () => {
    await using relay = await startFaultRelay({ target: redis });
    await using client = await RawClient.connect(relay.address);
    relay.truncateAfter(6, 'down');
    await expect(client.command('ECHO', 'hello')).rejects.toThrow();
    expect(client.receivedBytes.toString()).toBe('$5\r\nhe');
  });

  it('resets a client whose target is not there', async () => {
    const gone = await startRedis();
    await gone.stop();
    await using relay = await startFaultRelay({ target: { port: gone.port } });
    await expect(
      RawClient.connect(relay.address).then((client) => client.command('PING')),
    ).rejects.toThrow();
  });
});
