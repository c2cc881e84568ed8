import type { NodeAddress } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import {
  address,
  clusterName,
  clusterOf,
  epoch,
  freeProxy,
  migrationTask,
  stable,
  tagged,
} from '../../test/fixtures.ts';
import { Story } from '../../test/story.ts';
import type { CoordinatorSettings } from './settings.ts';
import { statusOf } from './state.ts';

const A = address('10.0.0.1:6001');
const B = address('10.0.0.2:6001');
const C = address('10.0.0.3:6001');
const FREE = address('10.0.0.9:6001');
const PARTS = [[stable(0, 8191)], [stable(8192, 16_383)]] as const;

function demo(atEpoch: number, position: 'normal' | 'first' | 'second' = 'normal') {
  return clusterOf('demo', atEpoch, [{ proxies: [A, B], position, parts: PARTS }]);
}

/** Answers the inventory that is asked for. */
function giveInventory(
  story: Story,
  atEpoch: number,
  more: { failed?: NodeAddress[]; failures?: NodeAddress[]; addresses?: NodeAddress[] } = {},
): void {
  const { id } = story.one('read-inventory');
  story.event({
    kind: 'inventory',
    id,
    epoch: epoch(atEpoch),
    addresses: more.addresses ?? [A, B, FREE],
    failed: more.failed ?? [],
    failures: more.failures ?? [],
  });
}

function giveDocuments(story: Story, atEpoch: number): void {
  const { id } = story.one('read-documents');
  const names = [clusterName('demo')];
  story.event({ kind: 'documents', id, names, clusters: [demo(atEpoch)], unread: [] });
  const free = story.one('read-free-documents');
  expect(free.addresses).toEqual([FREE]);
  const documents = [freeProxy(FREE, atEpoch)];
  story.event({ kind: 'free-documents', id: free.id, documents, unread: [] });
}

function answerProbes(story: Story, silent: readonly NodeAddress[] = []): void {
  for (const { id, address: proxy } of story.take('probe')) {
    const kind = silent.includes(proxy) ? 'probe-failed' : 'probe-answered';
    story.event({ kind, id, address: proxy });
  }
}

function answerInspections(story: Story, at: Readonly<Record<string, number>> = {}): void {
  for (const { id, address: proxy } of story.take('inspect')) {
    story.event({
      kind: 'inspected',
      id,
      address: proxy,
      epoch: epoch(at[proxy] ?? 0),
      tasks: [],
      servers: null,
      code: null,
    });
  }
}

function acceptPushes(story: Story): NodeAddress[] {
  const order: NodeAddress[] = [];
  for (let pushes = story.take('push'); pushes.length > 0; pushes = story.take('push')) {
    for (const { id, address: proxy } of pushes) {
      order.push(proxy);
      story.event({
        kind: 'pushed',
        id,
        address: proxy,
        repl: { kind: 'ok' },
        cluster: { kind: 'ok' },
      });
    }
  }
  return order;
}

/** Everybody is alive, has epoch 5, and the coordinator knows it. */
function settled(settings: Partial<CoordinatorSettings> = {}): Story {
  const story = new Story(settings);
  story.event({ kind: 'tick' });
  giveInventory(story, 5);
  story.pass(50);
  answerProbes(story);
  answerInspections(story);
  giveDocuments(story, 5);
  expect(acceptPushes(story).toSorted()).toEqual([A, B, FREE]);
  story.effects.length = 0;
  return story;
}

/** One second with everybody well except the silent ones. */
function passSecond(story: Story, silent: readonly NodeAddress[] = [], seen = 5): void {
  story.pass(1000, () => {
    answerProbes(story, silent);
    answerInspections(story, { [A]: seen, [B]: seen, [FREE]: seen });
  });
}

describe('metadata', () => {
  test('nothing is sent to a proxy before it has answered and told its epoch', () => {
    const story = new Story();
    story.event({ kind: 'tick' });
    giveInventory(story, 5);
    giveDocuments(story, 5);
    story.pass(200);
    expect(story.take('push')).toEqual([]);
    answerProbes(story);
    expect(story.take('push')).toEqual([]);
    answerInspections(story);
    expect(story.take('push').map((push) => push.address)).toEqual(expect.arrayContaining([A, B]));
  });

  test('a proxy that has this epoch already, from somebody else, is left alone', () => {
    const story = new Story();
    story.event({ kind: 'tick' });
    giveInventory(story, 5);
    story.pass(50);
    answerProbes(story);
    answerInspections(story, { [A]: 5, [B]: 4, [FREE]: 5 });
    giveDocuments(story, 5);
    expect(story.take('push').map((push) => push.address)).toEqual([B]);
    expect(statusOf(story.state)).toMatchObject({ proxies: 3, alive: 3, behind: 1, ahead: 0 });
  });

  test('documents are read again when the epoch rose, and only what is newer is sent', () => {
    const story = settled();
    passSecond(story);
    giveInventory(story, 5);
    expect(story.take('read-documents')).toEqual([]);
    passSecond(story);
    giveInventory(story, 6);
    const { id } = story.one('read-documents');
    // The cluster did not change; only the free proxy is served the global epoch.
    const names = [clusterName('demo')];
    story.event({ kind: 'documents', id, names, clusters: [demo(5)], unread: [] });
    const documents = [freeProxy(FREE, 6)];
    story.event({ kind: 'free-documents', id, documents, unread: [] });
    expect(story.take('push').map((push) => [push.address, push.meta.epoch])).toEqual([[FREE, 6]]);
  });

  test('one push at a time; a document that became newer meanwhile follows', () => {
    const story = settled();
    const first = [A];
    story.event({ kind: 'cluster-document', cluster: demo(6), first });
    const running = story.one('push');
    story.event({ kind: 'cluster-document', cluster: demo(7), first });
    story.event({ kind: 'cluster-document', cluster: demo(6), first });
    story.pass(100);
    expect(story.take('push')).toEqual([]);
    story.event({
      kind: 'pushed',
      id: running.id,
      address: A,
      repl: { kind: 'ok' },
      cluster: { kind: 'ok' },
    });
    expect(story.take('push').map((push) => [push.address, push.meta.epoch])).toEqual([[A, 7]]);
  });

  test('an answer to a push that nobody waits for changes nothing', () => {
    const story = settled();
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [A] });
    const running = story.one('push');
    const before = story.state;
    story.event({
      kind: 'pushed',
      id: running.id + 1,
      address: A,
      repl: { kind: 'ok' },
      cluster: { kind: 'ok' },
    });
    story.event({ kind: 'push-failed', id: 0, address: A, repl: null, code: 'PROXY_TIMEOUT' });
    expect(story.state.sync.entries).toEqual(before.sync.entries);
  });

  test('the more urgent proxy goes first; the others follow it, or 200 ms later without it', () => {
    const story = settled();
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [B] });
    expect(story.one('push').address).toBe(B);
    story.pass(150);
    expect(story.take('push')).toEqual([]);
    story.pass(50);
    expect(story.one('push').address).toBe(A);
  });

  test('a proxy that does not answer holds up nobody', () => {
    const story = settled();
    passSecond(story, [B]);
    story.effects.length = 0;
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [B] });
    expect(story.one('push').address).toBe(A);
  });

  test('a refused push is tried again with growing pauses, and at once when the proxy returns', () => {
    const story = settled();
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [A] });
    const pauses: number[] = [];
    for (let round = 0; round < 4; round++) {
      const [push] = story.take('push').filter((effect) => effect.address === A);
      story.event({
        kind: 'push-failed',
        id: push!.id,
        address: A,
        repl: null,
        code: 'PROXY_TRY_AGAIN',
      });
      const [notice] = story.notices('push-failed');
      pauses.push(notice!.retryInMs);
      if (round < 3) story.pass(notice!.retryInMs + 50, () => answerProbes(story));
    }
    expect(pauses[0]).toBeLessThan(1200);
    expect(pauses[3]).toBeGreaterThan(7000);
    story.pass(1000, () => answerProbes(story, [A]));
    story.take('push');
    story.pass(500, () => {
      answerProbes(story);
      answerInspections(story, { [A]: 5, [B]: 5, [FREE]: 5 });
    });
    expect(story.take('push').map((push) => push.address)).toContain(A);
  });

  test('SETREPL is not sent again when only SETCLUSTER failed', () => {
    const story = settled();
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [A] });
    const push = story.one('push');
    expect(push.parts).toEqual({ repl: true, cluster: true });
    story.event({
      kind: 'push-failed',
      id: push.id,
      address: A,
      repl: { kind: 'ok' },
      code: 'PROXY_TIMEOUT',
    });
    story.pass(2000, () => answerProbes(story));
    const [again] = story.take('push').filter((effect) => effect.address === A);
    expect(again!.parts).toEqual({ repl: false, cluster: true });
  });

  test('a proxy whose epoch fell has restarted and gets everything again', () => {
    const story = settled();
    passSecond(story);
    expect(story.take('push')).toEqual([]);
    story.pass(1200, () => {
      answerProbes(story);
      answerInspections(story, { [A]: 0, [B]: 5, [FREE]: 5 });
    });
    expect(story.notices('proxy-restarted')).toEqual([
      { kind: 'proxy-restarted', address: A, fromEpoch: 5, toEpoch: 0 },
    ]);
    const push = story.one('push');
    expect([push.address, push.parts]).toEqual([A, { repl: true, cluster: true }]);
  });

  test('an epoch asked for before the last acknowledgement is no restart', () => {
    const story = settled();
    passSecond(story);
    story.effects.length = 0;
    story.pass(1200, () => answerProbes(story));
    const [inspection] = story.take('inspect').filter((effect) => effect.address === A);
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [A] });
    const push = story.one('push');
    story.now += 10;
    story.event({
      kind: 'pushed',
      id: push.id,
      address: A,
      repl: { kind: 'ok' },
      cluster: { kind: 'ok' },
    });
    story.event({
      kind: 'inspected',
      id: inspection!.id,
      address: A,
      epoch: epoch(5),
      tasks: [],
      servers: null,
      code: null,
    });
    expect(story.notices('proxy-restarted')).toEqual([]);
    expect(story.take('push').filter((effect) => effect.address === A)).toEqual([]);
  });

  test('a warning of the proxy is passed on', () => {
    const story = settled();
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [A] });
    const { id } = story.one('push');
    const cluster = { kind: 'warning', text: 'WARNING: ignored' } as const;
    story.event({ kind: 'pushed', id, address: A, repl: { kind: 'old' }, cluster });
    expect(story.notices('metadata-warning')).toMatchObject([{ text: 'WARNING: ignored' }]);
    expect(story.notices('metadata-pushed')).toMatchObject([{ isNew: true, epoch: 6 }]);
  });

  test('an unregistered proxy is forgotten', () => {
    const story = settled();
    passSecond(story);
    giveInventory(story, 6, { addresses: [A, B] });
    expect(story.take('forget')).toEqual([{ kind: 'forget', address: FREE }]);
    expect(statusOf(story.state).proxies).toBe(2);
  });

  test('a cluster that cannot be read keeps its last document, and is read again', () => {
    const story = settled();
    passSecond(story);
    giveInventory(story, 6);
    const { id } = story.one('read-documents');
    const name = clusterName('demo');
    story.event({ kind: 'documents', id, names: [name], clusters: [], unread: [name] });
    const free = story.one('read-free-documents');
    expect(free.addresses).toEqual([FREE]);
    story.event({ kind: 'free-documents', id, documents: [], unread: [] });
    expect(statusOf(story.state).clusters).toEqual(['demo']);
    story.pass(500);
    expect(story.take('read-documents')).toEqual([]);
    story.pass(700);
    expect(story.take('read-documents')).toHaveLength(1);
  });

  test('a listing that fails is told, and tried again after a tick', () => {
    const story = settled();
    passSecond(story);
    giveInventory(story, 6);
    const { id } = story.one('read-documents');
    story.event({ kind: 'documents-failed', id, code: 'BAD_RESPONSE' });
    expect(story.notices('broker-read-failed')).toHaveLength(1);
    story.pass(1200);
    expect(story.take('read-documents')).toHaveLength(1);
  });
});

describe('failover', () => {
  function reportedDead(): Story {
    const story = settled();
    const reports: NodeAddress[] = [];
    for (let round = 0; round < 40 && reports.length === 0; round++) {
      story.pass(50, () => answerProbes(story, [A]));
      reports.push(...story.take('report-failure').map(({ address: dead }) => dead));
    }
    expect(reports).toEqual([A]);
    return story;
  }

  test('it is asked for just after a miss, not on what was seen a while ago', () => {
    const story = reportedDead();
    story.pass(300);
    story.event({ kind: 'failures', addresses: [A] });
    expect(story.take('failover')).toEqual([]);
    story.pass(1200, () => answerProbes(story, [A]));
    const { id } = story.one('failover');
    story.event({ kind: 'failover-failed', id, address: A, code: 'BROKER_TIMEOUT' });
    // Its time comes, and passes: it may have returned since.
    const owed: number[] = [];
    story.pass(3000, () => {
      for (const probe of story.take('probe')) {
        if (probe.address === A) owed.push(probe.id);
        else story.event({ kind: 'probe-answered', id: probe.id, address: probe.address });
      }
    });
    expect(story.take('failover')).toEqual([]);
    story.event({ kind: 'probe-failed', id: owed[0] ?? -1, address: A });
    expect(story.take('failover')).toHaveLength(1);
  });

  test('after the report the failures are read; then the failover; then the survivor learns first', () => {
    const story = reportedDead();
    story.event({ kind: 'report-done', address: A });
    story.one('read-failures');
    story.event({ kind: 'failures', addresses: [A] });
    const failover = story.one('failover');
    expect(failover.address).toBe(A);
    // Twice on the list, asked for once.
    story.event({ kind: 'failures', addresses: [A] });
    expect(story.take('failover')).toEqual([]);
    story.take('push');
    story.event({ kind: 'failover-done', id: failover.id, address: A, replacement: null });
    expect(story.one('read-cluster')).toMatchObject({ name: 'demo', first: [B] });
    story.event({ kind: 'cluster-document', cluster: demo(7, 'second'), first: [B] });
    expect(story.one('push')).toMatchObject({ address: B, meta: { epoch: 7 } });
  });

  test('none for a proxy that answers this coordinator, whatever others report', () => {
    const story = settled();
    passSecond(story);
    story.event({ kind: 'failures', addresses: [A] });
    passSecond(story);
    expect(story.take('failover')).toEqual([]);
  });

  test('none when it answered again before the list came', () => {
    const story = reportedDead();
    story.event({ kind: 'report-done', address: A });
    passSecond(story);
    expect(story.notices('proxy-returned')).toHaveLength(1);
    story.event({ kind: 'failures', addresses: [A] });
    expect(story.take('failover')).toEqual([]);
  });

  test('a report is taken back when the proxy answers, and again until the broker has heard it', () => {
    const story = reportedDead();
    passSecond(story);
    const first = story.one('withdraw-report');
    expect(first.address).toBe(A);
    // The report that was under way arrives later than that.
    story.event({ kind: 'report-done', address: A });
    const second = story.one('withdraw-report');
    story.event({ kind: 'withdrawal-done', id: first.id, address: A });
    story.event({ kind: 'withdrawal-failed', id: second.id, address: A });
    story.pass(4000, () => answerProbes(story));
    expect(story.take('withdraw-report')).toEqual([]);
    story.pass(1500, () => answerProbes(story));
    const { id } = story.one('withdraw-report');
    story.event({ kind: 'withdrawal-done', id, address: A });
    story.pass(20_000, () => answerProbes(story));
    expect(story.take('withdraw-report')).toEqual([]);
    expect(story.state.withdrawals.open.size).toBe(0);
  });

  test('a report is not taken back when the proxy was reported anew, or is gone', () => {
    const story = reportedDead();
    story.event({ kind: 'report-done', address: A });
    passSecond(story);
    const { id } = story.one('withdraw-report');
    story.event({ kind: 'withdrawal-failed', id, address: A });
    story.pass(3000, () => answerProbes(story, [A]));
    expect(story.take('report-failure').map((report) => report.address)).toEqual([A]);
    story.pass(5000, () => answerProbes(story, [A]));
    expect(story.take('withdraw-report')).toEqual([]);
    expect(story.state.withdrawals.open.size).toBe(0);
  });

  test('none while the brake is set', () => {
    const story = reportedDead();
    passSecond(story, [A, B, FREE]);
    story.event({ kind: 'failures', addresses: [A] });
    expect(story.notices('brake-set')).toHaveLength(1);
    expect(story.take('failover')).toEqual([]);
  });

  test('none when failovers are disabled, and the list is not even read', () => {
    const story = settled({ isFailoverDisabled: true });
    passSecond(story, [A]);
    passSecond(story, [A]);
    expect(story.take('report-failure').length).toBeGreaterThan(0);
    story.event({ kind: 'report-done', address: A });
    expect(story.take('read-failures')).toEqual([]);
    story.event({ kind: 'failures', addresses: [A] });
    expect(story.take('failover')).toEqual([]);
    expect(story.take('read-inventory').every((effect) => !effect.withFailures)).toBe(true);
  });

  test('a refused one is retried as long as the member is marked failed and still not replaced', () => {
    const story = reportedDead();
    story.event({ kind: 'failures', addresses: [A] });
    let failover = story.one('failover');
    const code = 'NO_AVAILABLE_RESOURCE';
    story.event({ kind: 'failover-failed', id: failover.id, address: A, code });
    // Roles may have changed all the same.
    expect(story.one('read-cluster').first).toEqual([B]);
    giveInventory(story, 6, { failed: [A], failures: [] });
    // After a pause of a second, with the next probe that fails.
    story.pass(2200, () => answerProbes(story, [A]));
    failover = story.one('failover');
    story.event({ kind: 'failover-failed', id: failover.id, address: A, code });
    const pauses = story.notices('failover-failed').map((notice) => notice.retryInMs);
    expect(pauses[1]).toBeGreaterThan(pauses[0]!);
    // It returns before the next try.
    story.pass(4000, () => answerProbes(story));
    expect(story.take('failover')).toEqual([]);
    expect(story.notices('proxy-returned')).toEqual([
      { kind: 'proxy-returned', address: A, isMarkedFailed: true },
    ]);
  });

  test('answers that belong to no running failover are dropped', () => {
    const story = settled();
    const before = story.state;
    story.event({ kind: 'failover-done', id: 1, address: A, replacement: null });
    story.event({ kind: 'failover-failed', id: 1, address: A, code: 'X' });
    expect(story.state).toEqual(before);
  });
});

describe('migrations', () => {
  const META = {
    epoch: epoch(5),
    srcProxyAddress: A,
    srcNodeAddress: address('10.0.0.1:7001'),
    dstProxyAddress: B,
    dstNodeAddress: address('10.0.0.2:7001'),
  };
  const TASK = migrationTask('demo', META, [0, 99]);

  function finish(story: Story, proxy: NodeAddress, kind: 'migrating' | 'importing'): void {
    const [inspection] = story.take('inspect').filter((effect) => effect.address === proxy);
    story.event({
      kind: 'inspected',
      id: inspection!.id,
      address: proxy,
      epoch: epoch(5),
      tasks: [migrationTask('demo', META, [0, 99], kind)],
      servers: null,
      code: null,
    });
  }

  test('both ends report one task: one commit, then the destination and the source are told', () => {
    const story = settled();
    story.pass(1200, () => answerProbes(story));
    const inspections = story.take('inspect');
    story.effects.push(...inspections);
    finish(story, A, 'migrating');
    story.effects.push(...inspections);
    finish(story, B, 'importing');
    const commit = story.one('commit');
    expect(commit.task).toEqual(TASK);
    story.event({ kind: 'commit-done', id: commit.id, key: commit.key });
    expect(story.notices('migration-committed')).toMatchObject([{ source: A, destination: B }]);
    expect(story.one('read-cluster')).toMatchObject({ name: 'demo', first: [B, A] });
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [B, A] });
    expect(acceptPushes(story)).toEqual([B, A]);
  });

  test('the destination is told first, too, when a commit shows before it is answered', () => {
    const planned = clusterOf('demo', 6, [
      {
        proxies: [A, B],
        position: 'normal',
        parts: [
          [tagged('migrating', [0, 99], META), stable(100, 8191)],
          [tagged('importing', [0, 99], META), stable(8192, 16_383)],
        ],
      },
    ]);
    const story = settled();
    story.event({ kind: 'cluster-document', cluster: planned, first: [] });
    expect(acceptPushes(story)).toEqual([B, A]);
    story.event({ kind: 'cluster-document', cluster: demo(7), first: [] });
    // Another change, while the destination has not taken the one before.
    expect(story.take('push')).toMatchObject([{ address: B }]);
    story.event({ kind: 'cluster-document', cluster: demo(8), first: [] });
    expect(story.take('push')).toEqual([]);
    story.event({ kind: 'cluster-document', cluster: demo(9), first: [] });
    expect(story.take('push')).toEqual([]);
  });

  test('a commit that worked is not repeated; one that failed is, with a pause', () => {
    const story = settled();
    story.pass(1200, () => answerProbes(story));
    finish(story, A, 'migrating');
    let commit = story.one('commit');
    story.event({ kind: 'commit-failed', id: commit.id, key: commit.key, code: 'RETRY' });
    expect(story.notices('commit-failed')).toHaveLength(1);
    expect(story.take('commit')).toEqual([]);
    story.pass(1300, () => answerProbes(story));
    finish(story, A, 'migrating');
    commit = story.one('commit');
    story.event({ kind: 'commit-done', id: commit.id, key: commit.key });
    story.pass(60_000, () => {
      answerProbes(story);
      answerInspections(story, { [A]: 5, [B]: 5, [FREE]: 5 });
    });
    expect(story.take('commit')).toEqual([]);
    story.pass(30_000);
    expect(story.state.migrations.tasks.size).toBe(0);
  });

  test('no more tasks are remembered than allowed', () => {
    const story = settled({ migrationsMax: 3 });
    story.pass(1200, () => answerProbes(story));
    const [inspection] = story.take('inspect').filter((effect) => effect.address === A);
    const tasks = Array.from({ length: 9 }, (_, index) =>
      migrationTask('demo', META, [index * 10, index * 10 + 5]),
    );
    story.event({
      kind: 'inspected',
      id: inspection!.id,
      address: A,
      epoch: epoch(5),
      tasks,
      servers: null,
      code: null,
    });
    expect(story.state.migrations.tasks.size).toBe(3);
    expect(story.take('commit')).toHaveLength(3);
  });
});

describe("epochs above the broker's", () => {
  /** Proxy A tells epoch 90, and then the broker is asked and tells 5. */
  function goAhead(story: Story): void {
    for (let round = 0; round < 2; round++) {
      story.pass(1200, () => {
        answerProbes(story);
        answerInspections(story, { [A]: 90, [B]: 5, [FREE]: 5 });
      });
      giveInventory(story, 5);
    }
  }

  test('are an alarm, and the proxy is held back until the broker has caught up', () => {
    const story = settled();
    goAhead(story);
    expect(story.notices('epoch-ahead')).toEqual([
      { kind: 'epoch-ahead', address: A, proxyEpoch: 90, brokerEpoch: 5 },
    ]);
    expect(statusOf(story.state).ahead).toBe(1);
    // Half of its cluster: the cluster is held back too.
    story.event({ kind: 'cluster-document', cluster: demo(6), first: [] });
    story.pass(1000, () => answerProbes(story));
    expect(story.take('push').filter((push) => push.address !== FREE)).toEqual([]);
    giveInventory(story, 92);
    expect(story.notices('epoch-caught-up')).toHaveLength(1);
    story.event({ kind: 'cluster-document', cluster: demo(92), first: [] });
    expect(story.take('push').map((push) => push.address)).toEqual([A, B]);
  });

  test('a newer epoch told after the broker was asked is no alarm', () => {
    const story = settled();
    story.pass(1200, () => answerProbes(story));
    const inventory = story.take('read-inventory')[0]!;
    answerInspections(story, { [A]: 6, [B]: 6, [FREE]: 5 });
    const listing = { addresses: null, failed: [], failures: [] };
    story.event({ kind: 'inventory', id: inventory.id, epoch: epoch(5), ...listing });
    expect(story.notices('epoch-ahead')).toEqual([]);
  });

  test('start a recovery, once in a while, if that is wanted', () => {
    const story = settled({ isEpochRecoveryAutomatic: true });
    goAhead(story);
    story.pass(5000, () => answerProbes(story));
    expect(story.take('recover-epochs')).toHaveLength(1);
    story.event({ kind: 'recovery-done', code: null });
    expect(story.notices('epoch-recovery')).toEqual([{ kind: 'epoch-recovery', code: null }]);
    const plain = settled();
    goAhead(plain);
    plain.pass(5000);
    expect(plain.take('recover-epochs')).toEqual([]);
  });

  test('a broker whose epoch fell is told, and its lost documents are not sent', () => {
    const story = settled();
    passSecond(story, [B]);
    giveInventory(story, 8);
    const lost = story.one('read-documents');
    story.event({ kind: 'cluster-document', cluster: demo(8), first: [] });
    // B is silent, so nothing went there yet; A is answered for below.
    acceptPushes(story);
    passSecond(story, [B], 8);
    giveInventory(story, 6);
    expect(story.notices('broker-went-back')).toEqual([
      { kind: 'broker-went-back', fromEpoch: 8, toEpoch: 6 },
    ]);
    const names = [clusterName('demo')];
    story.event({ kind: 'documents', id: lost.id, names, clusters: [demo(8)], unread: [] });
    passSecond(story, [], 5);
    expect(story.take('push').filter((push) => push.meta.epoch > 6)).toEqual([]);
  });

  test('another list of brokers starts from nothing, without an alarm', () => {
    const story = settled();
    passSecond(story);
    const old = story.take('read-inventory');
    story.event({ kind: 'brokers-changed' });
    const fresh = story.one('read-inventory');
    expect(fresh.knownEpoch).toBeNull();
    const listing = { addresses: [C], failed: [], failures: [] };
    for (const { id } of old) {
      story.event({ kind: 'inventory', id, epoch: epoch(99), ...listing });
    }
    expect(statusOf(story.state)).toMatchObject({ proxies: 3, brokerEpoch: null });
    story.event({ kind: 'inventory', id: fresh.id, epoch: epoch(2), ...listing });
    expect(story.notices('broker-went-back')).toEqual([]);
    expect(statusOf(story.state)).toMatchObject({ proxies: 1, brokerEpoch: 2 });
  });
});

describe('inspections', () => {
  test('a proxy that refuses to tell is named once, and gets its metadata all the same', () => {
    const story = new Story();
    story.event({ kind: 'tick' });
    giveInventory(story, 5);
    giveDocuments(story, 5);
    for (let round = 0; round < 3; round++) {
      story.pass(1200, () => {
        answerProbes(story);
        for (const { id, address: proxy } of story.take('inspect')) {
          const code = 'PROXY_REFUSED';
          story.event({ kind: 'inspection-failed', id, address: proxy, code });
        }
      });
    }
    expect(story.notices('inspection-failed')).toHaveLength(3);
    expect(new Set(story.take('push').map((push) => push.address))).toEqual(new Set([A, B, FREE]));
  });
});

describe('watching the broker', () => {
  const AT_5 = { epoch: epoch(5), stream: 's1' };
  const NOTHING = {
    isResync: false,
    isComplete: true,
    clusters: [],
    removedClusters: [],
    freeProxies: [],
    removedProxies: [],
  };

  /** A settled coordinator whose watch has begun at epoch 5. */
  function watching(): Story {
    const story = new Story();
    story.event({ kind: 'tick' });
    const first = story.one('watch');
    expect(first.since).toBeNull();
    giveInventory(story, 5);
    story.pass(50);
    answerProbes(story);
    answerInspections(story);
    giveDocuments(story, 5);
    acceptPushes(story);
    story.event({ kind: 'watched', id: first.id, cursor: AT_5, ...NOTHING, isResync: true });
    expect(story.notices('broker-watched')).toHaveLength(1);
    // It was told where to begin; what it has is from that epoch already.
    expect(story.take('read-inventory')).toEqual([]);
    return story;
  }

  test('a change is pushed with the answer that tells it, and the watch goes on from there', () => {
    const story = watching();
    const { id, since } = story.one('watch');
    expect(since).toEqual(AT_5);
    const cursor = { epoch: epoch(6), stream: 's1' };
    story.event({ kind: 'watched', id, cursor, ...NOTHING, clusters: [demo(6, 'first')] });
    expect(acceptPushes(story).toSorted()).toEqual([A, B]);
    expect(story.one('watch').since).toEqual(cursor);
    expect(story.take('read-documents')).toEqual([]);
  });

  test('members of a deleted cluster get the documents of free proxies', () => {
    const story = watching();
    const { id } = story.one('watch');
    const cursor = { epoch: epoch(6), stream: 's1' };
    const freeProxies = [freeProxy(A, 6), freeProxy(B, 6)];
    const removedClusters = [clusterName('demo')];
    story.event({ kind: 'watched', id, cursor, ...NOTHING, removedClusters, freeProxies });
    expect(acceptPushes(story).toSorted()).toEqual([A, B]);
    expect(statusOf(story.state).clusters).toEqual([]);
  });

  test('a proxy that was just registered is asked for its epoch, then told its own', () => {
    const story = watching();
    const { id } = story.one('watch');
    const cursor = { epoch: epoch(6), stream: 's1' };
    story.event({ kind: 'watched', id, cursor, ...NOTHING, freeProxies: [freeProxy(C, 6)] });
    expect(acceptPushes(story)).toEqual([]);
    story.event({ kind: 'tick' });
    answerProbes(story);
    answerInspections(story);
    expect(acceptPushes(story)).toEqual([C]);
  });

  test.each([
    ['a resync', { isResync: true }],
    ['documents that could not be read', { isComplete: false }],
  ])('%s makes it read everything at once', (_, more) => {
    const story = watching();
    const { id } = story.one('watch');
    const cursor = { epoch: epoch(9), stream: 's2' };
    story.event({ kind: 'watched', id, cursor, ...NOTHING, ...more });
    giveInventory(story, 9);
    giveDocuments(story, 9);
    expect(acceptPushes(story).toSorted()).toEqual([A, B, FREE]);
  });

  test.each([
    ['ROUTE_NOT_FOUND', 13_000],
    ['METHOD_NOT_ALLOWED', 13_000],
    ['BROKER_UNREACHABLE', 800],
  ])('after %s it asks in rounds, and tries again later', (code, quietMs) => {
    const story = watching();
    story.event({ kind: 'watch-failed', id: story.one('watch').id, code });
    expect(story.notices('broker-watch-lost')).toEqual([{ kind: 'broker-watch-lost', code }]);
    story.pass(quietMs);
    expect(story.take('watch')).toEqual([]);
    story.pass(3000);
    expect(story.take('read-inventory').length).toBeGreaterThan(0);
    const { id, since } = story.one('watch');
    expect(since).toEqual(AT_5);
    story.event({ kind: 'watch-failed', id, code });
    expect(story.notices('broker-watch-lost')).toEqual([]);
  });

  test('another broker is watched from its beginning; an answer of the one before is dropped', () => {
    const story = watching();
    const old = story.one('watch');
    story.event({ kind: 'brokers-changed' });
    expect(story.one('watch').since).toBeNull();
    const cursor = { epoch: epoch(6), stream: 's1' };
    story.event({ kind: 'watched', id: old.id, cursor, ...NOTHING, clusters: [demo(6)] });
    expect(story.take('push')).toEqual([]);
    expect(story.take('watch')).toEqual([]);
  });

  describe('spares reading everything', () => {
    const at = (value: number) => ({ epoch: epoch(value), stream: 's1' });

    /** Seconds in which the broker is at `atEpoch`; the inventories that were asked for. */
    function rounds(story: Story, seconds: number, atEpoch: number, seen = atEpoch) {
      const asked: { knownEpoch: number | null }[] = [];
      story.pass(seconds * 1000, () => {
        answerProbes(story);
        answerInspections(story, { [A]: seen, [B]: seen, [FREE]: 5 });
        for (const { id, knownEpoch } of story.take('read-inventory')) {
          asked.push({ knownEpoch });
          const addresses = knownEpoch === atEpoch ? null : [A, B, FREE];
          const listing = { addresses, failed: [], failures: [] };
          story.event({ kind: 'inventory', id, epoch: epoch(atEpoch), ...listing });
        }
      });
      return asked;
    }

    test('after a change that was told', () => {
      const story = watching();
      const { id } = story.one('watch');
      story.event({ kind: 'watched', id, cursor: at(6), ...NOTHING, clusters: [demo(6, 'first')] });
      expect(acceptPushes(story).toSorted()).toEqual([A, B]);
      const asked = rounds(story, 5, 6);
      expect(asked.length).toBeGreaterThan(3);
      for (const { knownEpoch } of asked) expect(knownEpoch).toBe(6);
      expect(story.take('read-documents')).toEqual([]);
      expect(story.take('read-free-documents')).toEqual([]);
      expect(story.take('push')).toEqual([]);
    });

    test('also when the inventory has the new epoch first', () => {
      const story = watching();
      const { id } = story.one('watch');
      story.pass(1200, () => answerProbes(story));
      giveInventory(story, 6);
      story.pass(500);
      expect(story.take('read-documents')).toEqual([]);
      story.event({ kind: 'watched', id, cursor: at(6), ...NOTHING, clusters: [demo(6, 'first')] });
      rounds(story, 3, 6);
      expect(story.take('read-documents')).toEqual([]);
    });

    test('but not when no watch tells for a second', () => {
      const story = watching();
      rounds(story, 3, 6, 5);
      expect(story.take('read-documents')).toHaveLength(1);
    });

    test('but not when the watch failed', () => {
      const story = watching();
      const { id } = story.one('watch');
      story.event({ kind: 'watch-failed', id, code: 'BROKER_UNREACHABLE' });
      story.pass(1200, () => answerProbes(story));
      giveInventory(story, 6);
      expect(story.take('read-documents')).toHaveLength(1);
    });

    test('but not when it told something while everything was read', () => {
      const story = watching();
      const resync = { ...NOTHING, isResync: true };
      story.event({ kind: 'watched', id: story.one('watch').id, cursor: at(6), ...resync });
      giveInventory(story, 6);
      const { id: read } = story.one('read-documents');
      const names = [clusterName('other')];
      const change = { kind: 'watched', cursor: at(7), ...NOTHING, clusters: [demo(7)] } as const;
      story.event({ ...change, id: story.one('watch').id });
      // This list was made before the cluster that was just told of.
      story.event({ kind: 'documents', id: read, names, clusters: [], unread: [] });
      const free = story.one('read-free-documents');
      story.event({ kind: 'free-documents', id: free.id, documents: [], unread: [] });
      rounds(story, 3, 7);
      expect(story.take('read-documents')).toHaveLength(1);
    });

    test('a list of proxies from before a change does not undo it', () => {
      const story = watching();
      story.pass(1200, () => answerProbes(story));
      const [inventory] = story.take('read-inventory');
      const change = { ...NOTHING, freeProxies: [freeProxy(C, 7)], removedProxies: [FREE] };
      story.event({ kind: 'watched', id: story.one('watch').id, cursor: at(7), ...change });
      expect(statusOf(story.state)).toMatchObject({ proxies: 3 });
      const listing = { addresses: [A, B, FREE], failed: [], failures: [] };
      story.event({ kind: 'inventory', id: inventory!.id, epoch: epoch(6), ...listing });
      expect(story.take('forget').map((effect) => effect.address)).toEqual([FREE]);
      expect(statusOf(story.state)).toMatchObject({ proxies: 3 });
      const asked = rounds(story, 2, 7);
      expect(asked.at(-1)).toEqual({ knownEpoch: 7 });
      expect(statusOf(story.state)).toMatchObject({ proxies: 3 });
    });

    test('a free proxy with metadata of an earlier life gets its document anew', () => {
      const story = watching();
      const { id } = story.one('watch');
      // The broker goes on to 40; nothing of that is about C, whose document is of epoch 6.
      const change = { ...NOTHING, freeProxies: [freeProxy(C, 6)] };
      story.event({ kind: 'watched', id, cursor: at(40), ...change });
      const tell = (value: number): void => {
        story.pass(1200, () => {
          answerProbes(story);
          for (const { id: asked, knownEpoch } of story.take('read-inventory')) {
            expect(knownEpoch).toBe(40);
            const listing = { addresses: null, failed: [], failures: [] };
            story.event({ kind: 'inventory', id: asked, epoch: epoch(40), ...listing });
          }
          answerInspections(story, { [A]: 5, [B]: 5, [FREE]: 5, [C]: value });
        });
      };
      tell(30);
      expect(story.take('push')).toEqual([]);
      expect(story.take('read-proxy').at(-1)).toMatchObject({ address: C });
      story.event({ kind: 'proxy-document', document: freeProxy(C, 40) });
      expect(acceptPushes(story)).toEqual([C]);
      tell(40);
      // Another coordinator's document of the same.
      tell(41);
      expect(story.take('read-proxy')).toEqual([]);
    });
  });

  test('can be switched off', () => {
    const story = settled({ isWatching: false });
    passSecond(story);
    expect(story.take('watch')).toEqual([]);
  });
});
