import type { NodeAddress } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { address, epoch } from '../../test/fixtures.ts';
import { Story } from '../../test/story.ts';
import { isReported, isSuspended } from './detector.ts';
import type { CoordinatorSettings } from './settings.ts';

const A = address('10.0.0.1:6001');
const B = address('10.0.0.2:6001');
const C = address('10.0.0.3:6001');
const D = address('10.0.0.4:6001');
const ALL = [A, B, C, D];

/** A coordinator that knows four proxies, and answers all inspections and inventories. */
class Watch {
  readonly story: Story;
  readonly down = new Set<NodeAddress>();
  readonly marked = new Set<NodeAddress>();
  isBrokerDown = false;
  reports: { at: number; address: NodeAddress }[] = [];
  failsReports = false;
  /** When probes failed. */
  misses: number[] = [];
  /** Probes of this one are not answered yet; `owed` has them. */
  slow: NodeAddress | null = null;
  owed: number[] = [];

  constructor(settings: Partial<CoordinatorSettings> = {}, marked: readonly NodeAddress[] = []) {
    for (const proxy of marked) this.marked.add(proxy);
    this.story = new Story({ isFailoverDisabled: true, ...settings });
    this.story.event({ kind: 'tick' });
    this.serve();
  }

  pass(ms: number): this {
    this.story.pass(ms, () => this.serve());
    return this;
  }

  serve(): void {
    const { story } = this;
    for (const { id } of story.take('read-inventory')) {
      story.event(
        this.isBrokerDown
          ? { kind: 'inventory-failed', id, code: 'BROKER_UNREACHABLE' }
          : {
              kind: 'inventory',
              id,
              epoch: epoch(1),
              addresses: ALL,
              failed: [...this.marked],
              failures: null,
            },
      );
    }
    for (const { id } of story.take('read-documents')) {
      story.event({ kind: 'documents', id, names: [], clusters: [], unread: [] });
    }
    for (const { id, addresses } of story.take('read-free-documents')) {
      story.event({ kind: 'free-documents', id, documents: [], unread: addresses.slice(0, 0) });
    }
    for (const { id, address: proxy } of story.take('inspect')) {
      story.event({
        kind: 'inspected',
        id,
        address: proxy,
        epoch: epoch(0),
        tasks: [],
        servers: null,
        code: null,
      });
    }
    for (const { id, address: proxy } of story.take('probe')) {
      if (proxy === this.slow) {
        this.owed.push(id);
        continue;
      }
      const kind = this.down.has(proxy) ? 'probe-failed' : 'probe-answered';
      if (kind === 'probe-failed') this.misses.push(story.now);
      story.event({ kind, id, address: proxy });
    }
    for (const { address: proxy } of story.take('report-failure')) {
      this.reports.push({ at: story.now, address: proxy });
      story.event(
        this.failsReports
          ? { kind: 'report-failed', address: proxy, code: 'BROKER_TIMEOUT' }
          : { kind: 'report-done', address: proxy },
      );
    }
  }
}

describe('one proxy', () => {
  test('is reported after three misses at a distance, and again while it stays dead', () => {
    const watch = new Watch().pass(3000);
    watch.down.add(A);
    const diedAt = watch.story.now;
    watch.pass(1500);
    expect(watch.reports.map((report) => report.address)).toEqual([A]);
    expect(watch.reports[0]!.at - diedAt).toBeLessThanOrEqual(1500);
    expect(watch.reports[0]!.at - diedAt).toBeGreaterThan(400);
    expect(watch.story.notices('failure-reported')).toHaveLength(1);
    expect(isReported(watch.story.state.detector, A)).toBe(true);
    expect(isSuspended(watch.story.state.detector)).toBe(false);
    watch.pass(5000);
    expect(watch.reports).toHaveLength(2);
    // Told once, however often it is repeated.
    expect(watch.story.notices('failure-reported')).toHaveLength(0);
  });

  test('that has never answered is given more time', () => {
    const watch = new Watch();
    watch.down.add(A);
    watch.pass(2500);
    expect(watch.reports).toEqual([]);
    watch.pass(1500);
    expect(watch.reports.map((report) => report.address)).toEqual([A]);
  });

  test('an answer between misses starts the count anew', () => {
    const watch = new Watch().pass(3000);
    for (let round = 0; round < 10; round++) {
      watch.down.add(A);
      watch.pass(400);
      watch.down.delete(A);
      watch.pass(550);
    }
    expect(watch.reports).toEqual([]);
  });

  test('several probes that fail at once are one miss', () => {
    const story = new Story();
    story.event({ kind: 'tick' });
    const { id } = story.one('read-inventory');
    const listing = { addresses: [A], failed: [], failures: null };
    story.event({ kind: 'inventory', id, epoch: epoch(1), ...listing });
    story.pass(2000);
    const probes = story.take('probe');
    expect(probes.length).toBeGreaterThan(3);
    for (const probe of probes) {
      story.event({ kind: 'probe-failed', id: probe.id, address: A });
    }
    expect(story.state.detector.targets.get(A)?.health).toMatchObject({
      kind: 'suspect',
      misses: 1,
    });
  });

  test('a failure of a probe older than the last answer, or an answer nobody waits for, changes nothing', () => {
    const story = new Story();
    story.event({ kind: 'tick' });
    const { id } = story.one('read-inventory');
    const listing = { addresses: [A], failed: [], failures: null };
    story.event({ kind: 'inventory', id, epoch: epoch(1), ...listing });
    story.pass(700);
    const [first, second] = story.take('probe');
    story.event({ kind: 'probe-answered', id: second!.id, address: A });
    const alive = story.state.detector;
    story.event({ kind: 'probe-failed', id: first!.id, address: A });
    expect(story.state.detector.targets.get(A)?.health).toEqual({ kind: 'alive' });
    story.event({ kind: 'probe-answered', id: 4711, address: A });
    story.event({ kind: 'probe-answered', id: second!.id, address: A });
    expect(story.state.detector.targets.get(A)?.health).toEqual(alive.targets.get(A)?.health);
  });

  test('a report that was lost is repeated after a tick', () => {
    const watch = new Watch().pass(3000);
    watch.down.add(A);
    watch.failsReports = true;
    watch.pass(4500);
    expect(watch.reports.length).toBeGreaterThanOrEqual(3);
    expect(watch.story.notices('report-failed').length).toBe(watch.reports.length);
    watch.failsReports = false;
    watch.pass(2000);
    expect(watch.story.notices('failure-reported')).toHaveLength(1);
  });

  test('one that is marked failed is not reported, but still probed, and its return is told', () => {
    const watch = new Watch({}, [A]);
    watch.down.add(A);
    watch.pass(10_000);
    expect(watch.reports).toEqual([]);
    watch.down.delete(A);
    watch.pass(2000);
    expect(watch.story.notices('proxy-returned')).toEqual([
      { kind: 'proxy-returned', address: A, isMarkedFailed: true },
    ]);
  });

  test('registered again, one is watched like a new one: by nothing that was seen before', () => {
    const watch = new Watch({}, [A]);
    watch.down.add(A);
    watch.pass(10_000);
    expect(watch.story.state.detector.targets.get(A)?.health.kind).toBe('reported');
    // It is back before a probe says so, and one is under way that was sent before.
    watch.slow = A;
    watch.pass(1200);
    expect(watch.owed).toHaveLength(1);
    watch.slow = null;
    watch.marked.delete(A);
    watch.down.delete(A);
    watch.pass(1100);
    watch.story.event({ kind: 'probe-failed', id: watch.owed[0]!, address: A });
    watch.pass(10_000);
    expect(watch.reports).toEqual([]);
    expect(watch.story.state.detector.targets.get(A)?.health.kind).toBe('alive');
  });

  test('registered again though it is still dead, it is reported after the time that a new one gets', () => {
    const watch = new Watch({}, [A]);
    watch.down.add(A);
    watch.pass(10_000);
    watch.marked.delete(A);
    const registeredAt = watch.story.now;
    watch.pass(2500);
    expect(watch.reports).toEqual([]);
    watch.pass(3000);
    expect(watch.reports).toHaveLength(1);
    expect(watch.reports[0]!.at - registeredAt).toBeGreaterThan(2500);
  });

  test('a report is repeated just after a miss, not on what was seen a while ago', () => {
    const watch = new Watch().pass(3000);
    watch.down.add(A);
    watch.pass(12_000);
    expect(watch.reports.length).toBeGreaterThanOrEqual(3);
    for (const { at } of watch.reports) expect(watch.misses).toContain(at);
  });

  test('a probe is not sent while too many wait for an answer', () => {
    const story = new Story({ probesPerProxyMax: 3 });
    story.event({ kind: 'tick' });
    const { id } = story.one('read-inventory');
    const listing = { addresses: [A], failed: [], failures: null };
    story.event({ kind: 'inventory', id, epoch: epoch(1), ...listing });
    story.pass(60_000);
    expect(story.take('probe')).toHaveLength(3);
  });

  test('the cap on all probes lets live proxies go first', () => {
    const watch = new Watch({ massFailureRatio: 1 }).pass(3000);
    watch.down.add(A).add(B).add(C);
    watch.pass(3000);
    const { story } = watch;
    story.state = {
      ...story.state,
      settings: { ...story.state.settings, probesMax: 1 },
    };
    story.pass(5000);
    expect(story.take('probe').map((probe) => probe.address)).toEqual([D]);
  });
});

describe('a coordinator that doubts itself', () => {
  test('reports nobody when most proxies fail at once, and says so', () => {
    const watch = new Watch().pass(3000);
    watch.down.add(A).add(B).add(C);
    watch.pass(20_000);
    expect(watch.reports).toEqual([]);
    expect(watch.story.notices('brake-set')).toHaveLength(1);
    watch.down.delete(A);
    watch.down.delete(B);
    watch.pass(300);
    // One of four: the brake is off, and C gets a fresh count.
    expect(watch.story.notices('brake-released')).toHaveLength(1);
    expect(watch.reports).toEqual([]);
    watch.pass(2000);
    expect(watch.reports.map((report) => report.address)).toEqual([C]);
  });

  test('probes from the doubtful time prove nothing when they fail after it', () => {
    const watch = new Watch().pass(3000);
    const { story } = watch;
    story.pass(1500);
    const probes = story.take('probe');
    const of = (proxy: NodeAddress): typeof probes =>
      probes.filter((probe) => probe.address === proxy);
    for (const proxy of [A, B, C]) {
      story.event({ kind: 'probe-failed', id: of(proxy)[0]!.id, address: proxy });
    }
    expect(story.notices('brake-set')).toHaveLength(1);
    for (const proxy of [A, B, D]) {
      story.event({ kind: 'probe-answered', id: of(proxy).at(-1)!.id, address: proxy });
    }
    story.pass(50);
    expect(story.notices('brake-released')).toHaveLength(1);
    for (const { id } of of(C).slice(1)) {
      story.pass(250, () => {
        for (const probe of story.take('probe').filter((other) => other.address !== C)) {
          story.event({ kind: 'probe-answered', id: probe.id, address: probe.address });
        }
      });
      story.event({ kind: 'probe-failed', id, address: C });
    }
    expect(story.state.detector.targets.get(C)?.health).toMatchObject({ misses: 0 });
  });

  test('half of the proxies is not most of them', () => {
    const watch = new Watch().pass(3000);
    watch.down.add(A).add(B);
    watch.pass(3000);
    expect(new Set(watch.reports.map((report) => report.address))).toEqual(new Set([A, B]));
  });

  test('with the brake switched off everybody is reported', () => {
    const watch = new Watch({ massFailureRatio: 1 }).pass(3000);
    for (const proxy of ALL) watch.down.add(proxy);
    watch.pass(3000);
    expect(new Set(watch.reports.map((report) => report.address))).toEqual(new Set(ALL));
  });

  test('those that the broker has marked failed do not count as failing', () => {
    const watch = new Watch({}, [A, B]);
    watch.down.add(A).add(B);
    watch.pass(5000);
    watch.down.add(C);
    watch.pass(2000);
    expect(watch.reports.map((report) => report.address)).toEqual([C]);
  });

  test('reports nobody while the broker does not answer, and counts anew afterwards', () => {
    const watch = new Watch().pass(3000);
    watch.isBrokerDown = true;
    watch.pass(1500);
    watch.down.add(A);
    watch.pass(5000);
    expect(watch.reports).toEqual([]);
    expect(watch.story.notices('broker-unreachable')).toHaveLength(1);
    watch.isBrokerDown = false;
    watch.pass(1100);
    expect(watch.story.notices('broker-reachable')).toHaveLength(1);
    watch.pass(2000);
    expect(watch.reports.map((report) => report.address)).toEqual([A]);
  });

  test('after it stood still itself, the probes that ran meanwhile prove nothing', () => {
    const watch = new Watch().pass(3000);
    const { story } = watch;
    story.pass(1200);
    const probes = story.take('probe');
    expect(probes.length).toBeGreaterThan(4);
    // Twenty seconds of nothing; then the time limits of the probes expire before anything is read.
    story.now += 20_000;
    for (const { id, address: proxy } of probes) {
      story.event({ kind: 'probe-failed', id, address: proxy });
    }
    story.event({ kind: 'tick' });
    expect(story.notices('stalled')).toEqual([{ kind: 'stalled', lateMs: 20_000 }]);
    for (const target of story.state.detector.targets.values()) {
      expect(target.health).toEqual({ kind: 'alive' });
    }
  });
});
