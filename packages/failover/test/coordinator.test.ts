import { once } from 'node:events';
import { connect } from 'node:net';
import { encodeCommand } from '@undermoon/resp';
import type { Logger } from '@undermoon/runtime';
import { afterEach, describe, expect, test } from 'vitest';
import type { Coordinator, CoordinatorNotice, CoordinatorOptions } from '../src/index.ts';
import { createCoordinator } from '../src/index.ts';
import { ContractBroker } from './contract-broker.ts';
import { address, epoch, stable, tagged } from './fixtures.ts';
import { PeerProxy } from './peer-proxy.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Notices in order, and a way to wait for one. */
class Notices {
  readonly all: CoordinatorNotice[] = [];
  #waiting: (() => void)[] = [];

  readonly take = (notice: CoordinatorNotice): void => {
    this.all.push(notice);
    for (const resolve of this.#waiting.splice(0)) resolve();
  };

  of(kind: CoordinatorNotice['kind']): CoordinatorNotice[] {
    return this.all.filter((notice) => notice.kind === kind);
  }

  async until(condition: (all: readonly CoordinatorNotice[]) => boolean): Promise<void> {
    while (!condition(this.all)) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}

interface Fleet {
  readonly broker: ContractBroker;
  readonly peers: readonly PeerProxy[];
}

/** Two members and a spare, on real sockets. */
async function fleet(): Promise<Fleet> {
  const broker = await new ContractBroker().listen();
  cleanups.push(() => broker.close());
  const peers: PeerProxy[] = [];
  for (let index = 0; index < 4; index++) {
    const peer = await new PeerProxy().listen();
    cleanups.push(() => peer.close());
    peers.push(peer);
    broker.model.register(peer.address);
  }
  const proxies = [peers[0]!.address, peers[1]!.address] as const;
  const parts = [[stable(0, 8191)], [stable(8192, 16_383)]] as const;
  broker.model.createCluster('demo', [{ proxies, position: 'normal', parts }]);
  return { broker, peers };
}

async function coordinator(
  broker: ContractBroker,
  options: CoordinatorOptions = {},
): Promise<{ readonly subject: Coordinator; readonly notices: Notices }> {
  const notices = new Notices();
  const subject = createCoordinator({
    address: '127.0.0.1:0',
    brokers: [broker.address],
    proxyTimeoutMs: 500,
    tickMs: 200,
    onEvent: notices.take,
    ...options,
  });
  cleanups.push(() => subject.close({ drainTimeoutMs: 0 }));
  await subject.listen();
  return { subject, notices };
}

function isCurrent({ broker, peers }: Fleet): boolean {
  return peers.every(
    (peer) =>
      peer.clusterEpoch === broker.model.document(peer.address)?.epoch &&
      peer.replEpoch === peer.clusterEpoch,
  );
}

describe('on real sockets', () => {
  test('everybody gets metadata; a dead member is failed over and its spare is told', async () => {
    const parts = await fleet();
    const { broker, peers } = parts;
    const { subject, notices } = await coordinator(broker);
    await notices.until(() => isCurrent(parts));
    expect(subject.status()).toMatchObject({ proxies: 4, brokerReach: 'reachable' });
    expect(subject.reporterId).toBe(subject.address);

    const dead = peers[0]!;
    const deadAddress = dead.address;
    await dead.close();
    await notices.until((all) => all.some(({ kind }) => kind === 'failover-done'));
    expect([...broker.requests].some((line) => line.includes(`/${subject.reporterId}`))).toBe(true);
    const spare = peers.find(
      (peer) => peer !== dead && broker.model.clusterOfProxy(peer.address) && peer !== peers[1],
    )!;
    await spare.until(() => spare.received('UMCTL', 'SETCLUSTER').some((w) => w.includes('demo')));
    expect(broker.model.clusterOfProxy(deadAddress)).toBeNull();
    await notices.until(() => broker.model.failed.has(deadAddress));
  });

  test('a change that the broker tells is pushed at once, without any round', async () => {
    const parts = await fleet();
    const { broker, peers } = parts;
    broker.offersWatch = true;
    // The rounds after the first one come too late for the test.
    const { subject, notices } = await coordinator(broker, { tickMs: 20_000 });
    await broker.untilWatched();
    await notices.until(() => isCurrent(parts));
    for (let round = 0; round < 3; round++) {
      broker.model.touch('demo');
      broker.announce({ clusters: ['demo'] });
      const members = [peers[0]!, peers[1]!];
      await notices.until(() =>
        members.every(
          (peer) =>
            peer.clusterEpoch === broker.model.epoch && peer.replEpoch === broker.model.epoch,
        ),
      );
      await broker.untilWatched();
    }
    expect(notices.of('broker-watched')).toHaveLength(1);

    // A restarted broker knows nothing of the cursor: everything is read again.
    broker.model.touch('demo');
    broker.stream = 'second';
    broker.announce({});
    await notices.until(() => isCurrent(parts));
    // The watch that waits does not hold up the end.
    await broker.untilWatched();
    await subject.close({ drainTimeoutMs: 60_000 });
  });

  test('two side by side, one of them with compression, do not disturb each other', async () => {
    const parts = await fleet();
    const left = await coordinator(parts.broker, { reporterId: 'left' });
    const right = await coordinator(parts.broker, { reporterId: 'right', enableCompression: true });
    await left.notices.until(() => isCurrent(parts));
    await parts.peers[1]!.close();
    await Promise.race([
      left.notices.until((all) => all.some(({ kind }) => kind === 'failover-done')),
      right.notices.until((all) => all.some(({ kind }) => kind === 'failover-done')),
    ]);
    const survivor = parts.peers[0]!;
    await survivor.until(
      () => survivor.clusterEpoch === parts.broker.model.document(survivor.address)?.epoch,
    );
    for (const peer of parts.peers) {
      const epochs = peer.received('UMCTL', 'SETCLUSTER').map((words) => Number(words[3]));
      // From each coordinator epochs only rise, so at most two of a kind.
      for (const value of epochs) {
        expect(epochs.filter((other) => other === value).length).toBeLessThanOrEqual(2);
      }
    }
  });

  test('a finished migration is committed once, and the destination is told before the source', async () => {
    const parts = await fleet();
    const [source, destination] = parts.peers as [PeerProxy, PeerProxy];
    const [from, to] = ['127.0.0.1:7001', '127.0.0.1:7002'];
    const ends = `${source.address} ${from} ${destination.address} ${to}`;
    const plan = {
      epoch: epoch(5),
      srcProxyAddress: source.address,
      srcNodeAddress: address(from),
      dstProxyAddress: destination.address,
      dstNodeAddress: address(to),
    };
    parts.broker.model.setParts('demo', [
      [tagged('migrating', [0, 99], plan), stable(100, 8191)],
      [tagged('importing', [0, 99], plan), stable(8192, 16_383)],
    ]);
    const { notices } = await coordinator(parts.broker);
    await notices.until(() => isCurrent(parts));
    const order: string[] = [];
    for (const peer of [source, destination]) {
      const plain = peer.answer;
      peer.answer = (words, self) => {
        if (words[1] === 'SETREPL') order.push(self.address);
        return plain(words, self);
      };
    }
    parts.broker.fault = (method, path) => {
      if (method === 'PUT' && path === '/clusters/migrations') {
        parts.broker.model.setParts('demo', [
          [stable(100, 8191)],
          [stable(0, 99), stable(8192, 16_383)],
        ]);
      }
      return null;
    };
    source.finished = [`demo MIGRATING 1 0-99 5 ${ends}`];
    destination.finished = [`demo IMPORTING 1 0-99 5 ${ends}`];
    await notices.until((all) => all.some(({ kind }) => kind === 'migration-committed'));
    source.finished = [];
    destination.finished = [];
    await notices.until(() => isCurrent(parts));
    expect(order).toEqual([destination.address, source.address]);
    expect(parts.broker.commits).toHaveLength(1);
  });

  test.each(['error', 'not-json', 'hang', 'cut'] as const)(
    'a broker that answers with nothing but trouble (%s) is survived',
    async (fault) => {
      const parts = await fleet();
      const { subject, notices } = await coordinator(parts.broker, { brokerTimeoutMs: 200 });
      await notices.until(() => isCurrent(parts));
      parts.broker.fault = () => fault;
      await expect.poll(() => subject.status().brokerReach).toBe('unreachable');
      parts.broker.fault = () => null;
      parts.broker.model.touch('demo');
      await notices.until(() => isCurrent(parts));
      // Each change is told once. On a busy machine there may be more than one: the time limit is short.
      const told = notices.all
        .map(({ kind }) => kind)
        .filter((kind) => /^broker-(un)?r/.test(kind));
      expect(told.length).toBeGreaterThanOrEqual(2);
      for (const [i, kind] of told.entries()) {
        expect(kind).toBe(i % 2 === 0 ? 'broker-unreachable' : 'broker-reachable');
      }
      expect(notices.of('failure-reported')).toEqual([]);
    },
  );

  test('CONFIG SET brokers sends it elsewhere', async () => {
    const first = await fleet();
    const second = await fleet();
    const { subject, notices } = await coordinator(first.broker, { brokers: [] });
    await notices.until((all) => all.some(({ kind }) => kind === 'broker-unreachable'));
    const [host, port] = subject.address.split(':') as [string, string];
    const socket = connect(Number(port), host);
    socket.write(encodeCommand(['CONFIG', 'SET', 'brokers', second.broker.address]));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.toString()).toBe('+OK\r\n');
    await notices.until(() => isCurrent(second));
    expect(subject.brokers).toEqual([second.broker.address]);
    expect(first.broker.requests).toEqual([]);
    socket.destroy();
  });
});

describe('lifetime', () => {
  test('close leaves no socket, no timer and no listener, and may be called twice', async () => {
    const parts = await fleet();
    const { subject, notices } = await coordinator(parts.broker);
    await notices.until(() => isCurrent(parts));
    await Promise.all([subject.close(), subject.close()]);
    await Promise.all(parts.peers.map((peer) => peer.until(() => peer.connections.size === 0)));
    const probes = parts.peers.map((peer) => peer.commands.length);
    const [host, port] = subject.address.split(':') as [string, string];
    const socket = connect(Number(port), host);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    expect(parts.peers.map((peer) => peer.commands.length)).toEqual(probes);
    await subject.close();
    await expect(subject.listen()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('no timer of its clock is left, whatever was under way', async () => {
    const parts = await fleet();
    const timers = new Set<NodeJS.Timeout>();
    const start = performance.now();
    const clock = {
      now: () => Date.now() as never,
      monotonicMs: () => performance.now() - start,
      after: (delayMs: number, callback: () => void) => {
        const timer = setTimeout(() => {
          timers.delete(timer);
          callback();
        }, delayMs);
        timers.add(timer);
        return () => {
          timers.delete(timer);
          clearTimeout(timer);
        };
      },
    };
    const { subject, notices } = await coordinator(parts.broker, { clock });
    await notices.until(() => isCurrent(parts));
    for (const peer of parts.peers) peer.isFrozen = true;
    parts.broker.fault = () => 'hang';
    parts.broker.model.touch('demo');
    const [peer] = parts.peers;
    const seen = peer!.commands.length;
    await peer!.until(() => peer!.commands.length > seen + 1);
    await subject.close({ drainTimeoutMs: 0 });
    expect(timers.size).toBe(0);
  });

  test('destroy ends it at once; close afterwards waits for the end', async () => {
    const parts = await fleet();
    const { subject, notices } = await coordinator(parts.broker);
    await notices.until((all) => all.length > 0);
    subject.destroy(new Error('for a test'));
    await subject.close();
    await Promise.all(parts.peers.map((peer) => peer.until(() => peer.connections.size === 0)));
    const told = notices.all.length;
    subject.destroy();
    expect(notices.all).toHaveLength(told);
  });

  test('one that was never started can be closed, also while its port is opened', async () => {
    const idle = createCoordinator({ address: '127.0.0.1:0' });
    await idle.close();
    await expect(idle.listen()).rejects.toMatchObject({ code: 'CLOSED' });
    const early = createCoordinator({ address: '127.0.0.1:0', brokers: [] });
    const listening = early.listen();
    early.destroy();
    await expect(listening).rejects.toMatchObject({ code: 'CLOSED' });
    await early.close();
  });

  test('a taken port is told, and nothing is left open', async () => {
    const parts = await fleet();
    const { subject } = await coordinator(parts.broker);
    const second = createCoordinator({ address: subject.address, brokers: [] });
    await expect(second.listen()).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    await second.close();
  });

  test('a listener that throws, and a logger that is given, change nothing', async () => {
    const parts = await fleet();
    const lines: string[] = [];
    const write = (_: unknown, message: string): void => void lines.push(message);
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    const { subject } = await coordinator(parts.broker, {
      logger,
      onEvent: () => {
        throw new Error("a listener's defect");
      },
    });
    const [peer] = parts.peers;
    await peer!.until(() => isCurrent(parts));
    expect(subject.status().proxies).toBe(4);
    expect(lines).toContain('onEvent failed');
    expect(lines).toContain('coordinator listens');
  });
});

describe('options', () => {
  test.each<[CoordinatorOptions, string]>([
    [{ address: 'nowhere' }, 'address'],
    [{ brokers: ['a:1', 'b'] }, 'brokers'],
    [{ reporterId: 'a/b' }, 'reporterId'],
    [{ proxyTimeoutMs: 0 }, 'proxyTimeoutMs'],
    [{ brokerTimeoutMs: 1.5 }, 'brokerTimeoutMs'],
    [{ tickMs: 10 }, 'tickMs'],
    [{ massFailureRatio: 0 }, 'massFailureRatio'],
    [{ massFailureRatio: 2 }, 'massFailureRatio'],
    [{ massFailureMin: 0 }, 'massFailureMin'],
    [{ redisDownMs: -1 }, 'redisDownMs'],
    [{ redisDownMs: 0.5 }, 'redisDownMs'],
    [{ copyGapMs: 0 }, 'copyGapMs'],
    [{ missesToReport: -1 }, 'missesToReport'],
    [{ pushesMax: Number.NaN }, 'pushesMax'],
    [{ sessionsMax: 0 }, 'sessionsMax'],
    [{ sessionIdleMs: 0 }, 'sessionIdleMs'],
  ])('%j is refused by name', (options, name) => {
    expect(() => createCoordinator(options)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(`${name}: expected`) as string,
      }) as Error,
    );
  });

  test("the defaults are the original's", () => {
    const subject = createCoordinator();
    expect(subject.address).toBe('127.0.0.1:6699');
    expect(subject.brokers).toEqual(['127.0.0.1:7799']);
    expect(subject.reporterId).toBe('127.0.0.1:6699');
    expect(address(subject.address)).toBe('127.0.0.1:6699');
    subject.destroy();
  });
});
