// What happens to the etcd under brokers, beyond the loss of a member. Needs a real etcd, and openssl for TLS.
import assert from 'node:assert/strict';
import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import {
  createAuthority,
  findEtcd,
  findOpenssl,
  startEtcd,
  type EtcdCluster,
  type TestAuthority,
} from '@undermoon/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { createBroker, type Broker, type BrokerOptions } from '../src/index.ts';
import { TestClock } from './http-fixture.ts';
import { address } from './store-fixture.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

interface Started {
  readonly broker: Broker;
  readonly client: BrokerClient;
}

async function start(options: BrokerOptions): Promise<Started> {
  const broker = createBroker({ address: '127.0.0.1:0', ...options });
  await broker.listen();
  open.push({ [Symbol.asyncDispose]: () => broker.close({ drainTimeoutMs: 0 }) });
  const client = createBrokerClient({ brokers: [broker.address], timeoutMs: 20_000 });
  open.push({ [Symbol.asyncDispose]: () => client.close() });
  return { broker, client };
}

async function etcdOf(...args: Parameters<typeof startEtcd>): Promise<EtcdCluster> {
  const etcd = await startEtcd(...args);
  open.push(etcd);
  return etcd;
}

async function add(client: BrokerClient, n: number): Promise<void> {
  await client.addProxy({
    proxyAddress: `10.0.0.${n}:6001`,
    nodes: [address(`10.0.0.${n}:7001`), address(`10.0.0.${n}:7002`)],
    host: `host-${n}`,
  });
}

const LIMITS = { timeout: 60_000 };
const HAS_ETCD = findEtcd() !== null;

describe.skipIf(!HAS_ETCD)('the etcd under brokers (skipped without one)', LIMITS, () => {
  test('a member that lost its disk is removed and added again, and brokers go on', async () => {
    const etcd = await etcdOf(3);
    const storage = { kind: 'etcd', endpoints: etcd.endpoints } as const;
    const [first, second] = [await start({ storage }), await start({ storage })];
    await add(first.client, 1);
    const [kept, , lost] = etcd.members;
    assert(kept !== undefined && lost !== undefined);
    await lost.kill();
    await lost.wipe();
    await add(second.client, 2);
    const { members } = (await askMembers(kept.endpoint, 'list', {})) as {
      members: { ID: string; peerURLs: string[] }[];
    };
    const old = members.find(({ peerURLs }) => peerURLs.includes(lost.peerUrl));
    // etcd takes no changes of members before it has seen for a while who is well.
    await expect
      .poll(() => askMembers(kept.endpoint, 'remove', { ID: old?.ID }).then(() => 'done', codeOf))
      .toBe('done');
    await add(first.client, 3);
    await expect
      .poll(
        () =>
          askMembers(kept.endpoint, 'add', { peerURLs: [lost.peerUrl] }).then(() => 'done', codeOf),
        { timeout: 20_000 },
      )
      .toBe('done');
    await add(second.client, 4);
    await lost.start({ added: true });
    await add(first.client, 5);
    // It has all of it: the brokers go on with it and one of the others.
    await kept.kill();
    await expect
      .poll(() => add(second.client, 6).then(() => 'made', codeOf))
      .toMatch(/made|ALREADY_EXISTED/);
    expect(await first.client.proxyAddresses()).toHaveLength(6);
    expect(await second.client.epoch()).toBe(6);
  });

  test('LIM-2: a leader that dies is followed within three seconds, with the settings as they are', async () => {
    const etcd = await etcdOf(3);
    const storage = { kind: 'etcd', endpoints: etcd.endpoints } as const;
    const clocks = [new HaltingClock(), new HaltingClock()] as const;
    const [first, second] = [
      await start({ storage, clock: clocks[0] }),
      await start({ storage, clock: clocks[1] }),
    ];
    await add(first.client, 1);
    await add(second.client, 2);
    // It renews nothing any more, as if its machine were gone.
    clocks[0].halt();
    const haltedAt = performance.now();
    await expect.poll(() => leaderOf(etcd), { interval: 20 }).toContain(second.broker.address);
    expect(performance.now() - haltedAt).toBeLessThan(3000);
    await add(second.client, 3);
  });

  test('a wall clock that jumps changes neither who leads nor what is kept', async () => {
    const etcd = await etcdOf();
    const storage = { kind: 'etcd', endpoints: etcd.endpoints } as const;
    const clock = new TestClock();
    const first = await start({ storage, clock });
    const second = await start({ storage });
    await add(first.client, 1);
    const leader = await leaderOf(etcd);
    let n = 1;
    for (const jump of [3600, -7200, 3600, -86_400]) {
      clock.pass(jump);
      await first.client.reportFailure(address('10.0.0.1:6001'), 'c1');
      expect(await second.client.failures()).toEqual(['10.0.0.1:6001']);
      await add(first.client, ++n);
      await add(second.client, ++n);
      expect(await second.client.proxyAddresses()).toHaveLength(n);
      expect(await leaderOf(etcd)).toBe(leader);
    }
  });
});

describe.skipIf(!HAS_ETCD || findOpenssl() === null)(
  'an etcd with TLS (skipped without etcd or openssl)',
  LIMITS,
  () => {
    test('is asked with the certificates that are given, and told what is wrong without', async () => {
      const authority = await authorityOf();
      const own = await authority.issue('etcd');
      const ours = await authority.issue('broker');
      const { caFile, ca } = authority;
      const etcd = await etcdOf(1, { caFile, ...own, asksClients: true });
      const of = (tls: object | undefined): BrokerOptions => ({
        storage: {
          kind: 'etcd',
          endpoints: etcd.endpoints,
          ...(tls === undefined ? {} : { tls }),
        },
        storageStartTimeoutMs: 1,
      });
      const { cert, key } = ours;
      const [first, second] = [
        await start(of({ ca, cert, key })),
        await start(of({ ca, cert, key })),
      ];
      await add(first.client, 1);
      await add(second.client, 2);
      expect(await first.client.proxyAddresses()).toHaveLength(2);
      const stranger = await authorityOf();
      const foreign = await stranger.issue('broker');
      for (const [tls, reason] of [
        [undefined, /certificate/],
        [{ ca: stranger.ca, cert, key }, /certificate/],
        [{ ca }, /client certificate/],
        [{ ca, cert: foreign.cert, key: foreign.key }, /client certificate/],
      ] as const) {
        await expect(start(of(tls))).rejects.toMatchObject({
          code: 'STORE_UNREADABLE',
          message: expect.stringMatching(reason) as string,
        });
      }
    });

    test('options that contradict each other are refused by name', async () => {
      const { cert, key } = await (await authorityOf()).issue('x');
      const endpoints = ['https://127.0.0.1:1'];
      for (const [tls, at, reason] of [
        [{ cert }, endpoints, 'cert and key go together'],
        [{ ca: 'x', cert, key: 'no key' }, endpoints, 'not usable'],
        [{ cert, key }, ['http://127.0.0.1:1'], 'without TLS'],
      ] as const) {
        expect(() => createBroker({ storage: { kind: 'etcd', endpoints: at, tls } })).toThrow(
          expect.objectContaining({
            code: 'INVALID_OPTION',
            message: expect.stringMatching(new RegExp(`^storage\\.tls: .*${reason}`)) as string,
          }) as Error,
        );
      }
    });
  },
);

async function authorityOf(): Promise<TestAuthority> {
  const authority = await createAuthority();
  open.push(authority);
  return authority;
}

/** A clock whose timers stop for good. */
class HaltingClock extends TestClock {
  #isHalted = false;

  override after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = setTimeout(() => {
      if (!this.#isHalted) callback();
    }, delayMs);
    return () => clearTimeout(timer);
  };

  halt(): void {
    this.#isHalted = true;
  }
}

async function askMembers(endpoint: string, what: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${endpoint}/v3/cluster/member/${what}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200);
  return response.json();
}

async function leaderOf(etcd: EtcdCluster): Promise<string> {
  const key = Buffer.from('/undermoon/leader').toString('base64');
  const response = await fetch(`${etcd.endpoints[0]}/v3/kv/range`, {
    method: 'POST',
    body: JSON.stringify({ key }),
  });
  const { kvs = [] } = (await response.json()) as { kvs?: { value: string }[] };
  return Buffer.from(kvs[0]?.value ?? '', 'base64').toString();
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
