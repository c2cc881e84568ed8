import type { NodeAddress } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { address, clusterName, clusterOf, epoch, stable } from '../../test/fixtures.ts';
import type { RolePosition } from '../../test/fixtures.ts';
import { SeededRandom } from '../../test/seeded-random.ts';
import { Story } from '../../test/story.ts';
import type { ServerSight } from './server-sight.ts';
import type { CoordinatorSettings } from './settings.ts';
import { statusOf } from './state.ts';

const PROXIES = [1, 2, 3, 4, 5, 6].map((n) => address(`10.0.0.${n}:6001`));
const [A, B, C, D] = PROXIES as [NodeAddress, NodeAddress, NodeAddress, NodeAddress];
const [A1, A2, B1, B2] = [
  address('10.0.0.1:7001'),
  address('10.0.0.1:8001'),
  address('10.0.0.2:7001'),
  address('10.0.0.2:8001'),
];

interface ServerModel {
  downSince: number | null;
  /** Null: it copies all the time. */
  copiedAt: number | null | 'never';
}

/** A coordinator, six proxies in three chunks, and what these say about their servers. */
class ServerStory {
  readonly story: Story;
  readonly servers = new Map<NodeAddress, ServerModel>();
  readonly silent = new Set<NodeAddress>();
  readonly mute = new Set<NodeAddress>();
  readonly marked = new Set<NodeAddress>();
  readonly reports: { at: number; address: NodeAddress }[] = [];
  readonly withdrawn: NodeAddress[] = [];
  readonly failovers: NodeAddress[] = [];
  failsReports = false;
  position: RolePosition = 'normal';
  epoch = 5;

  constructor(settings: Partial<CoordinatorSettings> = {}) {
    this.story = new Story({ redisDownMs: 3000, ...settings });
    for (const proxy of PROXIES) {
      for (const node of this.nodesOf(proxy)) {
        this.servers.set(node, { downSince: null, copiedAt: null });
      }
    }
    this.pass(3000);
  }

  get now(): number {
    return this.story.now;
  }

  kill(...nodes: readonly NodeAddress[]): this {
    for (const node of nodes) this.server(node).downSince = this.now;
    return this;
  }

  server(node: NodeAddress): ServerModel {
    return this.servers.get(node)!;
  }

  nodesOf(proxy: NodeAddress): readonly NodeAddress[] {
    return this.cluster()
      .nodes.filter((node) => node.proxyAddress === proxy)
      .map((n) => n.address);
  }

  cluster() {
    const pairs = [0, 2, 4].map((index) => [PROXIES[index]!, PROXIES[index + 1]!] as const);
    const chunks = pairs.map((proxies, index) => ({
      proxies,
      position: index === 0 ? this.position : ('normal' as const),
      parts: [
        [stable(index * 200, index * 200 + 99)],
        [stable(index * 200 + 100, index * 200 + 199)],
      ] as const,
    }));
    return clusterOf('demo', this.epoch, chunks);
  }

  pass(ms: number): this {
    this.story.pass(ms, () => this.serve());
    return this;
  }

  serve(): void {
    const { story } = this;
    for (const { id } of story.take('read-inventory')) {
      const listing = { addresses: PROXIES, failed: [...this.marked] };
      const failures = this.reports.map((report) => report.address);
      story.event({ kind: 'inventory', id, epoch: epoch(this.epoch), ...listing, failures });
    }
    for (const { id } of story.take('read-documents')) {
      const names = [clusterName('demo')];
      story.event({ kind: 'documents', id, names, clusters: [this.cluster()], unread: [] });
    }
    for (const { id } of story.take('read-free-documents')) {
      story.event({ kind: 'free-documents', id, documents: [], unread: [] });
    }
    for (const { id, address: proxy } of story.take('probe')) {
      const kind = this.silent.has(proxy) ? 'probe-failed' : 'probe-answered';
      story.event({ kind, id, address: proxy });
    }
    for (const { id, address: proxy } of story.take('inspect')) {
      const servers = this.mute.has(proxy) ? null : this.sights(proxy);
      const told = { epoch: epoch(this.epoch), tasks: [], servers, code: null };
      story.event({ kind: 'inspected', id, address: proxy, ...told });
    }
    for (const { address: proxy } of story.take('report-failure')) {
      this.reports.push({ at: story.now, address: proxy });
      story.event(
        this.failsReports
          ? { kind: 'report-failed', address: proxy, code: 'BROKER_TIMEOUT' }
          : { kind: 'report-done', address: proxy },
      );
    }
    for (const { id, address: proxy } of story.take('withdraw-report')) {
      this.withdrawn.push(proxy);
      story.event({ kind: 'withdrawal-done', id, address: proxy });
    }
    if (story.take('read-failures').length > 0) {
      const addresses = this.reports.map((report) => report.address);
      story.event({ kind: 'failures', addresses });
    }
    for (const { address: proxy } of story.take('failover')) this.failovers.push(proxy);
  }

  sights(proxy: NodeAddress): readonly ServerSight[] {
    const nodes = this.cluster().nodes.filter((node) => node.proxyAddress === proxy);
    return nodes.map((node) => {
      const { downSince, copiedAt } = this.server(node.address);
      const partner = node.peers[0]!.nodeAddress;
      const master = node.role === 'master' ? null : partner;
      const ends = [downSince, this.server(partner).downSince].filter((time) => time !== null);
      const at = copiedAt === null ? Math.min(this.now, ...ends) : copiedAt;
      return {
        node: node.address,
        master,
        missedMs: downSince === null ? 0 : Math.max(1, this.now - downSince),
        copiedMs: at === 'never' || (downSince !== null && master !== null) ? null : this.now - at,
      };
    });
  }

  reasons(): readonly string[] {
    return this.story.notices('server-failover-withheld').map(({ reason }) => reason);
  }
}

describe('a dead master behind a living proxy', () => {
  test('is tolerated for a while; then its proxy is reported and failed over', () => {
    const story = new ServerStory().kill(A1);
    const killedAt = story.now;
    story.pass(2900);
    expect(story.reports).toEqual([]);
    expect(story.story.notices('server-missed')).toEqual([
      { kind: 'server-missed', address: A, node: A1 },
    ]);
    expect(statusOf(story.story.state)).toMatchObject({ missingMasters: 1, reported: 0 });
    story.pass(1300);
    expect(story.reports.map((report) => report.address)).toEqual([A]);
    expect(story.reports[0]!.at - killedAt).toBeGreaterThanOrEqual(3000);
    expect(story.failovers).toEqual([A]);
    expect(story.story.notices('server-reported')).toEqual([
      { kind: 'server-reported', address: A, node: A1 },
    ]);
    // Repeated while it lasts, as the broker forgets a report; told once.
    story.pass(6000);
    expect(story.reports).toHaveLength(2);
    expect(story.story.notices('server-reported')).toEqual([]);
    expect(story.withdrawn).toEqual([]);
  });

  test('that is back in time is no failure', () => {
    const story = new ServerStory().kill(A1).pass(2900);
    story.server(A1).downSince = null;
    story.pass(5000);
    expect(story.reports).toEqual([]);
    expect(story.story.notices('server-settled')).toEqual([
      { kind: 'server-settled', address: A, node: A1, isReached: true },
    ]);
  });

  test('that is back after the report: the report is taken back', () => {
    const story = new ServerStory({ isFailoverDisabled: true }).kill(A1).pass(4500);
    expect(story.reports).toHaveLength(1);
    expect(story.failovers).toEqual([]);
    story.server(A1).downSince = null;
    story.pass(1200);
    expect(story.withdrawn).toEqual([A]);
    expect(statusOf(story.story.state).missingMasters).toBe(0);
  });

  test('whose slots have moved is no case any more', () => {
    const story = new ServerStory().kill(A1).pass(4500);
    story.position = 'second';
    story.epoch = 6;
    story.marked.add(A);
    story.pass(3000);
    expect(story.withdrawn).toEqual([A]);
    expect(story.story.notices('server-settled')).toEqual([
      { kind: 'server-settled', address: A, node: A1, isReached: false },
    ]);
    expect(story.failovers).toEqual([A]);
  });

  test('a report that was lost is repeated after a tick', () => {
    const story = new ServerStory();
    story.failsReports = true;
    story.kill(A1).pass(6500);
    expect(story.reports.length).toBeGreaterThanOrEqual(2);
    expect(story.story.notices('report-failed').length).toBe(story.reports.length);
    story.failsReports = false;
    story.pass(2000);
    expect(story.story.notices('server-reported')).toHaveLength(1);
  });

  test('can be left alone', () => {
    const story = new ServerStory({ redisDownMs: 0 }).kill(A1).pass(20_000);
    expect(story.reports).toEqual([]);
    expect(statusOf(story.story.state).missingMasters).toBe(0);
  });

  test('a dead replica is no case', () => {
    const story = new ServerStory().kill(A2).pass(20_000);
    expect(story.reports).toEqual([]);
  });

  test('a proxy that does not tell is not judged', () => {
    const story = new ServerStory();
    story.mute.add(A);
    story.kill(A1).pass(20_000);
    expect(story.reports).toEqual([]);
  });
});

describe('nothing is reported', () => {
  test('while the proxy beside the replica does not answer, and that one is failed over instead', () => {
    const story = new ServerStory();
    story.silent.add(B);
    story.kill(A1).pass(6000);
    expect(new Set(story.reports.map((report) => report.address))).toEqual(new Set([B]));
    expect(story.reasons()).toEqual(['PARTNER_DOWN']);
    expect(story.failovers).toEqual([B]);
  });

  test('when it dies later, either: the report is taken back so that it can be failed over', () => {
    const story = new ServerStory({ isFailoverDisabled: true }).kill(A1).pass(4500);
    expect(story.reports.map((report) => report.address)).toEqual([A]);
    story.silent.add(B);
    story.pass(2000);
    expect(story.withdrawn).toEqual([A]);
  });

  test('while the partner is marked failed', () => {
    const story = new ServerStory();
    story.marked.add(B);
    story.kill(A1).pass(8000);
    expect(story.reports).toEqual([]);
    expect(story.reasons()).toEqual(['PARTNER_DOWN']);
  });

  test('while the replica cannot be reached either', () => {
    const story = new ServerStory().kill(A1, B2).pass(8000);
    expect(story.reports).toEqual([]);
    expect(story.reasons()).toEqual(['REPLICA_DOWN']);
  });

  test.each([
    ['the master never had a complete copy', A1],
    ['the replica is no complete copy since it was reached', B2],
  ])('while %s', (_, node) => {
    const story = new ServerStory();
    story.server(node).copiedAt = 'never';
    story.kill(A1).pass(8000);
    expect(story.reports).toEqual([]);
    expect(story.reasons()).toEqual(['COPY_UNKNOWN']);
  });

  test('while the partner does not tell', () => {
    const story = new ServerStory();
    story.mute.add(B);
    story.kill(A1).pass(8000);
    expect(story.reports).toEqual([]);
    expect(story.reasons()).toEqual(['COPY_UNKNOWN']);
  });

  test.each([A1, B2])('for a copy that was old when the master died (%s)', (node) => {
    const story = new ServerStory({ copyGapMs: 4000 });
    story.server(node).copiedAt = story.now;
    story.pass(5000).kill(A1).pass(8000);
    expect(story.reports).toEqual([]);
    expect(story.reasons()).toEqual(['COPY_OLD']);
    const other = new ServerStory({ copyGapMs: 6000 });
    other.server(node).copiedAt = other.now;
    other.pass(5000).kill(A1).pass(8000);
    expect(other.reports.length).toBeGreaterThan(0);
  });

  test('while another master of the proxy has no copy', () => {
    const story = new ServerStory();
    story.position = 'first';
    story.epoch = 6;
    story.pass(3000);
    story.server(A2).copiedAt = 'never';
    story.kill(A1).pass(8000);
    expect(story.reports).toEqual([]);
    story.server(A2).copiedAt = null;
    story.pass(3000);
    expect(story.reports.map((report) => report.address)).toEqual([A]);
  });
});

describe('the brake', () => {
  const MASTERS = [A1, B1, address('10.0.0.3:7001'), address('10.0.0.4:7001')];

  test('masters of most proxies that are missed at once are nobody’s failure, also when some come back', () => {
    const story = new ServerStory().kill(...MASTERS).pass(10_000);
    expect(story.reports).toEqual([]);
    expect(story.story.notices('server-brake-set')).toEqual([
      { kind: 'server-brake-set', failing: 4, targets: 6 },
    ]);
    expect(statusOf(story.story.state).isBraking).toBe(true);
    for (const node of MASTERS.slice(1)) story.server(node).downSince = null;
    const releasedAt = story.now;
    story.pass(10_000);
    expect(story.story.notices('server-brake-released')).toHaveLength(1);
    // The rest of them is missed anew.
    expect(story.reports[0]?.address).toBe(A);
    expect(story.reports[0]!.at - releasedAt).toBeGreaterThanOrEqual(3000);
  });

  test('half of them are failed over', () => {
    const story = new ServerStory().kill(...MASTERS.slice(1)).pass(5000);
    expect(new Set(story.reports.map((report) => report.address))).toEqual(new Set([B, C, D]));
  });

  test('one after the other, each back in time, are no failure', () => {
    const story = new ServerStory();
    for (let round = 0; round < 3; round++) {
      for (const node of MASTERS) {
        story.kill(node).pass(2500);
        story.server(node).downSince = null;
        story.pass(500);
      }
    }
    expect(story.reports).toEqual([]);
  });

  test('a process that stood still, and a coordinator that starts, count from then on', () => {
    const story = new ServerStory().kill(A1);
    story.story.now += 60_000;
    const wokeAt = story.now;
    story.pass(2900);
    expect(story.reports).toEqual([]);
    story.pass(1300);
    expect(story.reports[0]!.at - wokeAt).toBeGreaterThanOrEqual(3000);
  });
});

describe('whatever happens', () => {
  const RUNS = Number(process.env['FAILOVER_RUNS'] ?? 15);

  test('a proxy is reported only for a master that is dead and has a copy beside a living proxy', () => {
    let judged = 0;
    for (let seed = 1; seed <= RUNS; seed++) judged += runAtRandom(seed);
    expect(judged).toBeGreaterThan(RUNS);
  });

  /** Returns how many reports were for servers. */
  function runAtRandom(seed: number): number {
    let judged = 0;
    const random = new SeededRandom(seed);
    const story = new ServerStory();
    for (let step = 0; step < 60; step++) {
      const node = random.pick([...story.servers.keys()]);
      const proxy = random.pick(PROXIES);
      const server = story.server(node);
      if (random.chance(0.4)) server.downSince = server.downSince === null ? story.now : null;
      else if (random.chance(0.5)) server.copiedAt = random.pick([null, 'never', story.now]);
      else if (story.silent.has(proxy)) story.silent.delete(proxy);
      else if (random.chance(0.3)) story.silent.add(proxy);
      const known = story.reports.length;
      story.pass(random.below(40) * 100);
      for (const report of story.reports.slice(known)) {
        if (story.silent.has(report.address)) continue;
        judged += 1;
        check(story, report, seed);
      }
    }
    return judged;
  }

  // Between two changes everything is as it was at their beginning.
  function check(
    story: ServerStory,
    { at, address: proxy }: { readonly at: number; readonly address: NodeAddress },
    seed: number,
  ): void {
    const where = `seed ${seed}: ${proxy} at ${at} ms`;
    const masters = story
      .cluster()
      .nodes.filter((node) => node.proxyAddress === proxy && node.role === 'master');
    const since = masters.map((node) => story.server(node.address).downSince ?? at);
    expect(at - Math.min(...since), where).toBeGreaterThanOrEqual(3000);
    for (const master of masters) {
      const copy = master.peers[0]!;
      expect(story.server(master.address).copiedAt, where).not.toBe('never');
      expect(story.server(copy.nodeAddress), where).toMatchObject({ downSince: null });
      expect(story.server(copy.nodeAddress).copiedAt, where).not.toBe('never');
    }
  }
});
