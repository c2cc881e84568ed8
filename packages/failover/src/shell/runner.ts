import type { Clock, Logger, Random } from '@undermoon/runtime';
import { step } from '../core/coordinator.ts';
import type { CoordinatorEffect } from '../core/effect.ts';
import type { CoordinatorInput } from '../core/event.ts';
import type { CoordinatorNotice } from '../core/notice.ts';
import type { CoordinatorSettings } from '../core/settings.ts';
import { newCoordinatorState } from '../core/state.ts';
import type { CoordinatorState } from '../core/state.ts';
import { FailoverError } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import { WATCH_WAIT_MS } from './broker-gateway.ts';
import { logNotice } from './notice-log.ts';
import { expectedCode, failureOf, perform } from './perform.ts';
import type { AnsweredEffect, Gateways } from './perform.ts';

/** What the runner needs. */
export interface RunnerOptions extends Gateways {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: CoordinatorSettings;
  readonly proxyTimeoutMs: number;
  readonly brokerTimeoutMs: number;
  readonly onEvent: (notice: CoordinatorNotice) => void;
}

/** Ticks come this many times per `tickMs`, which is how exactly things happen when they are due. */
const TICKS_PER_ROUND = 20;
/** A read that takes many calls may last this many times as long as one call. */
const BROKER_CALLS_PER_READ = 20;

/** Feeds events to the reducer one by one, and carries out its effects under time limits. */
export class Runner {
  readonly #options: RunnerOptions;
  #state: CoordinatorState;
  readonly #queue: CoordinatorInput[] = [];
  #isStepping = false;
  #isStarted = false;
  #isStopped = false;
  #cancelTick: () => void = () => undefined;
  readonly #running = new Set<Promise<void>>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#state = newCoordinatorState(options.settings);
  }

  get state(): CoordinatorState {
    return this.#state;
  }

  /** Begins to tick. */
  start(): void {
    if (this.#isStarted || this.#isStopped) return;
    this.#isStarted = true;
    this.#tick();
  }

  /** Ends: no more ticks, and no event is taken any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTick();
    this.#queue.length = 0;
    // It would keep whoever waits for the effects under way.
    this.#options.broker.stopWatching();
  }

  /** Settled when all effects under way have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Takes an event. Events that come while one is handled wait for their turn. */
  dispatch(input: CoordinatorInput): void {
    if (this.#isStopped) return;
    this.#queue.push(input);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next);
      }
    } finally {
      this.#isStepping = false;
    }
  }

  #tick(): void {
    const { clock, settings } = this.#options;
    const periodMs = settings.tickMs / TICKS_PER_ROUND;
    this.#cancelTick = clock.after(periodMs, () => this.#tick());
    this.dispatch({ kind: 'tick' });
  }

  #step(input: CoordinatorInput): void {
    const { clock, random } = this.#options;
    const moment = { at: clock.monotonicMs(), draw: random.next() };
    const { state, effects } = step(this.#state, { ...input, ...moment });
    this.#state = state;
    for (const effect of effects) this.#start(effect);
  }

  #start(effect: CoordinatorEffect): void {
    const { logger, proxies } = this.#options;
    if (effect.kind === 'notice') {
      logNotice(logger, effect.notice);
      this.#tell(effect.notice);
    } else if (effect.kind === 'forget') {
      proxies.forget(effect.address);
    } else {
      const running = this.#perform(effect).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  async #perform(effect: AnsweredEffect): Promise<void> {
    const { clock, logger } = this.#options;
    const limitMs = this.#limitMs(effect);
    const expire = (): FailoverError =>
      new FailoverError('EFFECT_TIMEOUT', `${effect.kind} took longer than ${limitMs} ms`);
    try {
      const answer = perform(effect, this.#options);
      this.dispatch(await withDeadline(clock, limitMs, answer, expire));
    } catch (error) {
      const code = expectedCode(error);
      if (code === null) logger.error({ effect: effect.kind, error }, 'unexpected failure');
      else logger.debug({ effect: effect.kind, code, error }, 'effect failed');
      this.dispatch(failureOf(effect, code ?? 'UNEXPECTED'));
    }
  }

  /** The gateways have time limits of their own; these hold whatever they do. */
  #limitMs(effect: AnsweredEffect): number {
    const { proxyTimeoutMs, brokerTimeoutMs } = this.#options;
    switch (effect.kind) {
      case 'probe':
        return 2 * proxyTimeoutMs;
      case 'inspect':
      case 'push':
        // Connecting, two commands, and some room.
        return 4 * proxyTimeoutMs;
      case 'watch':
        return WATCH_WAIT_MS + BROKER_CALLS_PER_READ * brokerTimeoutMs;
      case 'read-documents':
      case 'read-free-documents':
        return BROKER_CALLS_PER_READ * brokerTimeoutMs;
      default:
        // One call each, or several at once, to one broker after the other.
        return 4 * brokerTimeoutMs;
    }
  }

  #tell(notice: CoordinatorNotice): void {
    try {
      this.#options.onEvent(notice);
    } catch (error) {
      // A listener's defect must not stop the failover of a cluster.
      this.#options.logger.error({ event: notice.kind, error }, 'onEvent failed');
    }
  }
}
