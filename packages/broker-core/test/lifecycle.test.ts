import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetaStore } from '@undermoon/broker-api';
import { createBrokerClient } from '@undermoon/broker-api/client';
import { EPOCH_ZERO } from '@undermoon/cluster-meta';
import { silentLogger, type Clock, type LogFields } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBroker, parseDump, type BrokerOptions, type MetaStorage } from '../src/index.ts';
import { addProxies, startBroker } from './http-fixture.ts';
import { DEMO, EXPANDING_DUMP, proxyAt } from './store-fixture.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'undermoon-broker-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const EPHEMERAL = '127.0.0.1:0';

function expanding(): MetaStore {
  const parsed = parseDump(EXPANDING_DUMP);
  assert(parsed.ok);
  return parsed.value;
}

describe('options', () => {
  test.each<{ options: BrokerOptions; names: string }>([
    { options: { address: 'nonsense' }, names: 'address' },
    { options: { failureTtl: 0 }, names: 'failureTtl' },
    { options: { failureQuorum: -1 }, names: 'failureQuorum' },
    { options: { migrationLimit: 1.5 }, names: 'migrationLimit' },
    { options: { replicaAddresses: ['a:1', 'b'] }, names: 'replicaAddresses[1]' },
    { options: { migrationScanCount: 0 }, names: 'migrationScanCount' },
    { options: { queueLengthMax: 0 }, names: 'queueLengthMax' },
    { options: { bodyBytesMax: Number.NaN }, names: 'bodyBytesMax' },
    { options: { shutdownDelayMs: -1 }, names: 'shutdownDelayMs' },
  ])('$names', ({ options, names }) => {
    expect(() => createBroker(options)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(`${names}: `) as string,
      }) as Error,
    );
  });

  test('are the configuration of new clusters', async () => {
    const { client } = await startBroker({
      compressionStrategy: 'set_get_only',
      migrationMaxMigrationTime: 1,
      migrationMaxBlockingTime: 2,
      migrationScanInterval: 3,
      migrationScanCount: 4,
    });
    await addProxies(client, 2);
    await client.createCluster(DEMO, 4);
    expect((await client.cluster(DEMO))?.config).toEqual({
      compressionStrategy: 'set_get_only',
      migration: { maxMigrationTime: 1, maxBlockingTime: 2, scanInterval: 3, scanCount: 4 },
      splitCommands: false,
    });
  });

  test('the ordered mode of a stored state wins over the option', async () => {
    const warnings: LogFields[] = [];
    const storage: MetaStorage = {
      load: () => Promise.resolve({ ...expanding(), enableOrderedProxy: true }),
      save: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
    const { broker } = await startBroker({ storage, logger });
    expect(broker.state().enableOrderedProxy).toBe(true);
    expect(warnings).toEqual([{ stored: true }]);
  });
});

describe('a broker', () => {
  test('is one of several in its process, each with a state of its own', async () => {
    const first = await startBroker();
    const second = await startBroker();
    await addProxies(first.client, 2);
    expect(first.broker.address).not.toBe(second.broker.address);
    expect(await second.client.proxyAddresses()).toEqual([]);
  });

  test('tells an address that is taken, and leaves its file free', async () => {
    const { broker } = await startBroker();
    const path = join(directory, 'metadata');
    const blocked = createBroker({ address: broker.address, storage: { kind: 'file', path } });
    await expect(blocked.listen()).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `${broker.address}: cannot be listened on: EADDRINUSE`,
    });
    const other = await startBroker({ storage: { kind: 'file', path } });
    expect(other.broker.state().globalEpoch).toBe(0);
  });

  test('goes on where it stopped', async () => {
    const storage = { kind: 'file', path: join(directory, 'metadata') } as const;
    const first = await startBroker({ storage });
    await addProxies(first.client, 2);
    await first.client.createCluster(DEMO, 4);
    const dump = await first.client.metadata();
    await expect(createBroker({ address: EPHEMERAL, storage }).listen()).rejects.toMatchObject({
      code: 'STORE_LOCKED',
    });
    await first.broker.close();
    const second = await startBroker({ storage });
    expect(await second.client.metadata()).toEqual(dump);
  });

  test('does not start on a torn file, and says how to go on', async () => {
    const path = join(directory, 'metadata');
    const storage = { kind: 'file', path } as const;
    const first = await startBroker({ storage });
    await addProxies(first.client, 2);
    await first.broker.close();
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, 200));
    await expect(createBroker({ address: EPHEMERAL, storage }).listen()).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining(`${path}.prev, which is sound`) as string,
    });
    expect(await readFile(path)).toEqual(whole.subarray(0, 200));
    await writeFile(path, await readFile(`${path}.prev`));
    const again = await startBroker({ storage });
    // The log holds what came after that one.
    expect(again.broker.state().proxies.has(proxyAt(2))).toBe(true);
  });

  test('answers a failed save with 500, keeps its state, and saves the next time', async () => {
    let isBroken = true;
    const storage: MetaStorage = {
      load: () => Promise.resolve(null),
      save: () => (isBroken ? Promise.reject(new Error('disk full')) : Promise.resolve()),
      close: () => Promise.resolve(),
    };
    const { client, broker, ask } = await startBroker({ storage });
    await expect(addProxies(client, 1)).rejects.toMatchObject({
      code: 'PERSISTENCE_IO_ERROR',
      status: 500,
    });
    expect(await client.proxyAddresses()).toEqual([]);
    const ready = await ask('GET', '/readyz');
    expect([ready.status, ready.json]).toMatchObject([503, { error: 'NOT_READY' }]);
    expect((await ask('GET', '/healthz')).status).toBe(200);
    isBroken = false;
    // Nobody sends changes to a broker that is not ready; it finds out by itself.
    expect((await ask('GET', '/readyz')).status).toBe(200);
    await addProxies(client, 1);
    expect(broker.state().globalEpoch).toBe(1);
  });

  test('refuses a custom storage with a state that is none', async () => {
    let closed = 0;
    const storage: MetaStorage = {
      load: () => Promise.resolve({ ...expanding(), globalEpoch: EPOCH_ZERO }),
      save: () => Promise.resolve(),
      close: () => Promise.resolve(void closed++),
    };
    await expect(createBroker({ address: EPHEMERAL, storage }).listen()).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
    });
    expect(closed).toBe(1);
  });

  test('BUG-7: listens on the address of a host name', async () => {
    const { client, broker } = await startBroker({ address: 'localhost:0' });
    expect(broker.address).toMatch(/^localhost:\d+$/);
    expect(await client.health()).toBe(true);
  });

  test('starts once', async () => {
    const { broker } = await startBroker();
    await expect(broker.listen()).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    expect(() => createBroker().state()).toThrow(
      expect.objectContaining({ code: 'NOT_RUNNING' }) as Error,
    );
  });
});

describe('stopping', () => {
  /** A storage that holds its first save until it is let go. */
  function heldStorage(): { storage: MetaStorage; saving: Promise<void>; letGo: () => void } {
    let letGo = (): void => undefined;
    let begin = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const saving = new Promise<void>((resolve) => (begin = resolve));
    const storage: MetaStorage = {
      load: () => Promise.resolve(null),
      save: () => {
        begin();
        return held;
      },
      close: () => Promise.resolve(),
    };
    return { storage, saving, letGo };
  }

  test('close finishes what runs', async () => {
    const { storage, saving, letGo } = heldStorage();
    const { broker, client } = await startBroker({ storage });
    const added = addProxies(client, 1);
    await saving;
    const closed = broker.close();
    letGo();
    await added;
    await closed;
    await expect(client.epoch()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
    await broker.close();
    await broker.destroy();
  });

  test('close cuts what takes too long', async () => {
    const { storage, saving, letGo } = heldStorage();
    const { broker, client } = await startBroker({ storage });
    const added = Promise.allSettled([addProxies(client, 1)]);
    await saving;
    const closed = broker.close({ drainTimeoutMs: 20 });
    expect(await added).toMatchObject([{ reason: { code: 'BROKER_UNREACHABLE' } }]);
    letGo();
    await closed;
  });

  test('is told on /readyz first, while everything is still answered', async () => {
    const { broker, client, ask } = await startBroker({ shutdownDelayMs: 600_000 });
    expect((await ask('GET', '/readyz')).status).toBe(200);
    const closed = broker.close({ drainTimeoutMs: 700_000 });
    const ready = await ask('GET', '/readyz');
    expect([ready.status, ready.json]).toMatchObject([503, { error: 'SHUTTING_DOWN' }]);
    expect(ready.headers.get('connection')).toBe('close');
    expect((await ask('GET', '/healthz')).status).toBe(200);
    await addProxies(client, 1);
    await broker.destroy();
    await closed;
    await expect(client.epoch()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });

  test('waits no longer for load balancers than it may take in all', async () => {
    const { broker } = await startBroker({ shutdownDelayMs: 600_000 });
    await expect(broker.close({ drainTimeoutMs: 20 })).resolves.toBeUndefined();
  });

  test('destroy cuts at once, also during a close', async () => {
    const { storage, saving, letGo } = heldStorage();
    const { broker, client } = await startBroker({ storage });
    const added = Promise.allSettled([addProxies(client, 1)]);
    await saving;
    const closed = broker.close();
    const destroyed = broker.destroy(new Error('test'));
    expect(await added).toMatchObject([{ reason: { code: 'BROKER_UNREACHABLE' } }]);
    letGo();
    await Promise.all([closed, destroyed]);
  });

  test('a silent connection does not keep the broker', async () => {
    const { broker, client } = await startBroker();
    await client.epoch();
    const socket = connect(Number(broker.address.split(':')[1]), '127.0.0.1');
    await once(socket, 'connect');
    const ended = once(socket, 'close');
    socket.resume();
    await broker.close({ drainTimeoutMs: 50 });
    expect(await ended).toEqual([false]);
  });

  test('before or during the start leaves nothing behind', async () => {
    const never = createBroker({ address: EPHEMERAL });
    await never.close();
    await expect(never.listen()).rejects.toMatchObject({ code: 'NOT_RUNNING' });

    const path = join(directory, 'metadata');
    const broker = createBroker({ address: EPHEMERAL, storage: { kind: 'file', path } });
    const listening = Promise.allSettled([broker.listen()]);
    await broker.close();
    expect(await listening).toMatchObject([{ reason: { code: 'NOT_RUNNING' } }]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('leaves no timer, socket or server', async () => {
    const before = sockets();
    let timers = 0;
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, callback) => {
        let isPending = true;
        timers++;
        const settle = (): void => {
          if (isPending) timers--;
          isPending = false;
        };
        const cancel = systemClock.after(delayMs, () => {
          settle();
          callback();
        });
        return () => {
          settle();
          cancel();
        };
      },
    };
    const broker = createBroker({
      address: EPHEMERAL,
      storage: { kind: 'file', path: join(directory, 'metadata') },
      replicaAddresses: ['127.0.0.1:1'],
      syncMetaInterval: 3600,
      clock,
    });
    await broker.listen();
    const client = createBrokerClient({ brokers: [broker.address] });
    await addProxies(client, 1);
    expect(sockets()).not.toEqual(before);
    expect(timers).toBe(1);
    await client.close();
    await broker.close();
    await expect.poll(sockets).toEqual(before);
    expect(timers).toBe(0);
    expect(await readdir(directory)).toEqual(['metadata']);
  });
});

function sockets(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => name.startsWith('TCP'))
    .toSorted();
}

describe('standby brokers', () => {
  test('get the state from time to time', async () => {
    const standby = await startBroker();
    const master = await startBroker({ syncMetaInterval: 1 });
    await addProxies(master.client, 2);
    await master.client.setConfig({ replicaAddresses: [standby.broker.address as never] });
    await expect.poll(() => standby.client.proxyAddresses()).toHaveLength(2);
    assert.deepEqual(await standby.client.metadata(), await master.client.metadata());
  });

  test('LIM-9: one that hangs keeps no other one from its copies, and is given up', async () => {
    const silent = createServer();
    const held = new Set<Socket>();
    silent.on('connection', (socket) => held.add(socket));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const standby = await startBroker();
    const warnings: LogFields[] = [];
    const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
    const master = await startBroker({
      syncMetaInterval: 1,
      syncMetaTimeoutMs: 200,
      replicaAddresses: [`127.0.0.1:${port}`, standby.broker.address],
      logger,
    });
    try {
      await addProxies(master.client, 1);
      await expect.poll(() => standby.client.proxyAddresses()).toHaveLength(1);
      // The copy after the one that hung.
      await master.client.removeProxy('10.0.0.1:6001' as never);
      await expect.poll(() => standby.client.proxyAddresses()).toEqual([]);
      expect(held.size).toBeGreaterThan(0);
      expect(warnings[0]).toMatchObject({
        replica: `127.0.0.1:${port}`,
        error: { code: 'BROKER_TIMEOUT' },
      });
    } finally {
      for (const socket of held) socket.destroy();
      silent.close();
    }
  });

  test('that are gone are logged and tried again', async () => {
    const warnings: LogFields[] = [];
    const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
    await startBroker({ syncMetaInterval: 1, replicaAddresses: ['127.0.0.1:1'], logger });
    await expect.poll(() => warnings.length).toBeGreaterThanOrEqual(2);
    expect(warnings[0]).toMatchObject({
      replica: '127.0.0.1:1',
      error: { code: 'BROKER_UNREACHABLE' },
    });
  });
});
