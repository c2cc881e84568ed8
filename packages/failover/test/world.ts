import type { NodeAddress, ProxyMeta } from '@undermoon/cluster-meta';
import { EPOCH_ZERO } from '@undermoon/cluster-meta';
import { step } from '../src/core/coordinator.ts';
import type { CoordinatorEffect } from '../src/core/effect.ts';
import type { CoordinatorInput, PushReply } from '../src/core/event.ts';
import type { CoordinatorNotice } from '../src/core/notice.ts';
import type { ServerSight } from '../src/core/server-sight.ts';
import type { CoordinatorSettings } from '../src/core/settings.ts';
import { DEFAULT_SETTINGS } from '../src/core/settings.ts';
import { newCoordinatorState } from '../src/core/state.ts';
import type { CoordinatorState } from '../src/core/state.ts';
import { failureOf } from '../src/shell/perform.ts';
import { BrokerModel } from './broker-model.ts';
import { epoch } from './fixtures.ts';
import { SeededRandom } from './seeded-random.ts';

export interface ProxyModel {
  mode: 'up' | 'dead' | 'frozen';
  replEpoch: number;
  clusterEpoch: number;
  meta: ProxyMeta | null;
  /** When its metadata changed last. */
  changedAt: number;
  /** Tells of its servers; null: it does not. */
  servers: (() => readonly ServerSight[]) | null;
}

/** What goes wrong on the way, each from 0 to 1. */
export interface Faults {
  drop: number;
  duplicate: number;
  /** Longest delay of a message, in milliseconds. */
  delayMs: number;
}

export interface SimulatedCoordinator {
  readonly name: string;
  state: CoordinatorState;
  /** Cannot reach any proxy. */
  isCutOff: boolean;
  isCrashed: boolean;
}

export interface Observation {
  readonly at: number;
  readonly by: string;
  readonly effect: CoordinatorEffect;
}

type EffectOf<K extends CoordinatorEffect['kind']> = Extract<CoordinatorEffect, { kind: K }>;
type Answered = Exclude<CoordinatorEffect, { kind: 'notice' | 'forget' }>;

const PROXY_TIMEOUT_MS = 2000;
const BROKER_TIMEOUT_MS = 3000;
const TICK_MS = 50;
const WATCH_MS = 10_000;
const WATCH_STEP_MS = 5;

/** A broker, proxies and coordinators in virtual time, with a network that loses, delays and repeats. */
export class World {
  now = 0;
  readonly random: SeededRandom;
  readonly broker: BrokerModel;
  readonly proxies: Map<NodeAddress, ProxyModel> = new Map();
  readonly coordinators: SimulatedCoordinator[] = [];
  /** Whether the broker tells changes as they are made. */
  offersWatch = false;
  readonly faults: Faults = { drop: 0, duplicate: 0, delayMs: 5 };
  readonly log: Observation[] = [];
  /** Called with each effect before it is carried out, and with each event before it is delivered. */
  onEffect: (by: SimulatedCoordinator, effect: CoordinatorEffect) => void = () => undefined;
  onDeliver: (to: SimulatedCoordinator, input: CoordinatorInput) => void = () => undefined;
  readonly #queue: { at: number; run: () => void }[] = [];

  constructor(seed: number, quorum = 1) {
    this.random = new SeededRandom(seed);
    this.broker = new BrokerModel(quorum);
  }

  addProxy(proxy: NodeAddress): void {
    this.broker.register(proxy);
    this.proxies.set(proxy, newProxy());
  }

  addCoordinator(name: string, settings: Partial<CoordinatorSettings> = {}): SimulatedCoordinator {
    const state = newCoordinatorState({ ...DEFAULT_SETTINGS, ...settings });
    const coordinator = { name, state, isCutOff: false, isCrashed: false };
    this.coordinators.push(coordinator);
    const tick = (): void => {
      if (coordinator.isCrashed) return;
      this.#deliver(coordinator, { kind: 'tick' });
      this.#at(this.now + TICK_MS, tick);
    };
    this.#at(this.now + this.random.next() * TICK_MS, tick);
    return coordinator;
  }

  proxy(proxy: NodeAddress): ProxyModel {
    return this.proxies.get(proxy)!;
  }

  restart(proxy: NodeAddress): void {
    this.proxies.set(proxy, newProxy());
  }

  /** Runs until a point in time. */
  runUntil(end: number): void {
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }

  run(ms: number): void {
    this.runUntil(this.now + ms);
  }

  notices<K extends CoordinatorNotice['kind']>(
    kind: K,
  ): { at: number; by: string; notice: Extract<CoordinatorNotice, { kind: K }> }[] {
    return this.log.flatMap(({ at, by, effect }) =>
      effect.kind === 'notice' && effect.notice.kind === kind
        ? [{ at, by, notice: effect.notice as Extract<CoordinatorNotice, { kind: K }> }]
        : [],
    );
  }

  #next(end: number): { at: number; run: () => void } | undefined {
    const last = this.#queue.at(-1);
    return last !== undefined && last.at <= end ? this.#queue.pop() : undefined;
  }

  /** The queue is sorted, the next one last; of two at one time, the older one is next. */
  #at(at: number, run: () => void): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#queue[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, { at, run });
  }

  #deliver(to: SimulatedCoordinator, input: CoordinatorInput): void {
    if (to.isCrashed) return;
    this.onDeliver(to, input);
    const { state, effects } = step(to.state, {
      ...input,
      at: this.now,
      draw: this.random.next(),
    });
    to.state = state;
    for (const effect of effects) {
      this.log.push({ at: this.now, by: to.name, effect });
      this.onEffect(to, effect);
      if (effect.kind !== 'notice' && effect.kind !== 'forget') this.#start(to, effect);
    }
  }

  /** Request and answer travel on their own; either may be lost, which shows as a timeout. */
  #start(by: SimulatedCoordinator, effect: Answered): void {
    const isToProxy =
      effect.kind === 'probe' || effect.kind === 'inspect' || effect.kind === 'push';
    const limitMs = isToProxy ? PROXY_TIMEOUT_MS : BROKER_TIMEOUT_MS;
    const startedAt = this.now;
    const expire = (): void => {
      const code = isToProxy ? 'PROXY_TIMEOUT' : 'BROKER_TIMEOUT';
      this.#at(startedAt + limitMs, () => this.#deliver(by, failureOf(effect, code)));
    };
    if (this.random.chance(this.faults.drop) || (isToProxy && by.isCutOff)) {
      expire();
      return;
    }
    if (effect.kind === 'watch' && this.offersWatch) {
      this.#at(this.now + this.#delay(), () => this.#watch(by, effect, this.now + WATCH_MS));
      return;
    }
    this.#at(this.now + this.#delay(), () => {
      const answer = isToProxy ? this.#askProxy(effect) : this.#askBroker(by, effect);
      if (answer === null || this.random.chance(this.faults.drop)) {
        expire();
        return;
      }
      const arrivesAt = this.now + this.#delay();
      if (arrivesAt - startedAt >= limitMs) {
        expire();
        return;
      }
      this.#at(arrivesAt, () => this.#deliver(by, answer));
      if (this.random.chance(this.faults.duplicate)) {
        this.#at(arrivesAt + this.#delay() * 10, () => this.#deliver(by, answer));
      }
    });
  }

  // Looked at again and again until there is something to tell. It may tell more than what changed.
  #watch(by: SimulatedCoordinator, effect: EffectOf<'watch'>, until: number): void {
    const { broker } = this;
    const { id, since } = effect;
    const answer = (input: CoordinatorInput): void => {
      if (!this.random.chance(this.faults.drop)) {
        this.#at(this.now + this.#delay(), () => this.#deliver(by, input));
        return;
      }
      this.#at(until + BROKER_TIMEOUT_MS, () =>
        this.#deliver(by, failureOf(effect, 'BROKER_TIMEOUT')),
      );
    };
    if (broker.isDown) {
      answer(failureOf(effect, 'BROKER_UNREACHABLE'));
    } else if (since === null || since.epoch < broker.epoch || this.now >= until) {
      const isResync = since === null || since.epoch > broker.epoch;
      const cursor = { epoch: epoch(broker.epoch), stream: 's' };
      const names = isResync ? [] : [...broker.clusters.keys()];
      const clusters = names.map((name) => broker.cluster(name)!);
      const free = isResync ? [] : [...broker.registered].map((one) => broker.document(one));
      const freeProxies = free.filter((one) => one !== null && one.clusterName === null);
      const changes = {
        isResync,
        isComplete: true,
        clusters,
        removedClusters: [],
        freeProxies,
        removedProxies: [],
      };
      answer({ kind: 'watched', id, cursor, ...changes } as CoordinatorInput);
    } else {
      this.#at(this.now + WATCH_STEP_MS, () => this.#watch(by, effect, until));
    }
  }

  #delay(): number {
    return this.random.next() * this.faults.delayMs;
  }

  #askProxy(effect: Answered): CoordinatorInput | null {
    if (effect.kind !== 'probe' && effect.kind !== 'inspect' && effect.kind !== 'push') return null;
    const model = this.proxies.get(effect.address);
    if (model === undefined || model.mode === 'dead') {
      return failureOf(effect, 'PROXY_UNREACHABLE');
    }
    if (model.mode === 'frozen') return null;
    const { id, address } = effect;
    if (effect.kind === 'probe') return { kind: 'probe-answered', id, address };
    if (effect.kind === 'inspect') {
      return {
        kind: 'inspected',
        id,
        address,
        epoch: epoch(model.clusterEpoch),
        tasks: [],
        servers: model.servers?.() ?? null,
        code: null,
      };
    }
    const { meta, parts } = effect;
    let repl: PushReply | null = null;
    let cluster: PushReply | null = null;
    if (parts.repl) {
      repl = { kind: meta.epoch > model.replEpoch ? 'ok' : 'old' };
      model.replEpoch = Math.max(model.replEpoch, meta.epoch);
    }
    if (parts.cluster) {
      cluster = { kind: meta.epoch > model.clusterEpoch ? 'ok' : 'old' };
      if (meta.epoch > model.clusterEpoch) {
        model.clusterEpoch = meta.epoch;
        model.meta = meta;
        model.changedAt = this.now;
      }
    }
    return { kind: 'pushed', id, address, repl, cluster };
  }

  #askBroker(by: SimulatedCoordinator, effect: Answered): CoordinatorInput | null {
    const { broker } = this;
    if (broker.isDown) return failureOf(effect, 'BROKER_UNREACHABLE');
    switch (effect.kind) {
      case 'read-inventory':
        return {
          kind: 'inventory',
          id: effect.id,
          epoch: epoch(broker.epoch),
          addresses: effect.knownEpoch === broker.epoch ? null : [...broker.registered],
          failed: [...broker.failed],
          failures: effect.withFailures ? broker.failures() : null,
        };
      case 'read-failures':
        return { kind: 'failures', addresses: broker.failures() };
      case 'read-documents': {
        const names = [...broker.clusters.keys()];
        const clusters = names.map((name) => broker.cluster(name)!);
        return { kind: 'documents', id: effect.id, names, clusters, unread: [] };
      }
      case 'read-free-documents': {
        const documents = effect.addresses
          .map((proxy) => broker.document(proxy))
          .filter((document) => document !== null);
        return { kind: 'free-documents', id: effect.id, documents, unread: [] };
      }
      case 'read-cluster':
        return {
          kind: 'cluster-document',
          cluster: broker.cluster(effect.name),
          first: effect.first,
        };
      case 'read-proxy':
        return { kind: 'proxy-document', document: broker.document(effect.address) };
      case 'watch':
        return failureOf(effect, 'ROUTE_NOT_FOUND');
      case 'report-failure':
        broker.report(effect.address, by.name);
        return { kind: 'report-done', address: effect.address };
      case 'withdraw-report':
        broker.withdraw(effect.address, by.name);
        return { kind: 'withdrawal-done', id: effect.id, address: effect.address };
      case 'failover': {
        const outcome = broker.failover(effect.address);
        const { id, address } = effect;
        return 'code' in outcome
          ? { kind: 'failover-failed', id, address, code: outcome.code }
          : { kind: 'failover-done', id, address, replacement: outcome.replacement };
      }
      case 'commit':
        return { kind: 'commit-done', id: effect.id, key: effect.key };
      case 'recover-epochs': {
        const highest = [...this.proxies.values()].map((model) => model.clusterEpoch);
        broker.epoch = Math.max(Math.max(...highest) + 2, broker.epoch + 1);
        for (const cluster of broker.clusters.values()) cluster.epoch = broker.epoch;
        return { kind: 'recovery-done', code: null };
      }
      default:
        return null;
    }
  }
}

function newProxy(): ProxyModel {
  return {
    mode: 'up',
    replEpoch: EPOCH_ZERO,
    clusterEpoch: EPOCH_ZERO,
    meta: null,
    changedAt: -Infinity,
    servers: null,
  };
}
