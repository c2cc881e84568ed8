import type { Logger } from '@undermoon/runtime';
import { apply } from '../core/apply.ts';
import type { ApplyContext, StoreCommand, StoreEvent, StoreStep } from '../core/command.ts';
import type { StoreState } from '../core/model.ts';
import { BrokerError } from '../errors.ts';
import type { Mutation, Origin } from './mutation.ts';
import type { KeptStep, MetaStorage, StoreChange } from './persistence/meta-storage.ts';

/** What a runner works with. */
export interface StoreRunnerOptions {
  readonly initial: StoreState;
  readonly storage: MetaStorage;
  readonly logger: Logger;
  readonly queueLengthMax: number;
  /** The time and the settings that a mutation depends on. */
  context(): ApplyContext;
  /** Told of every step of the state, once it is kept and visible. Must not throw. */
  onKept?(before: StoreState, after: StoreState): void;
  /** Told of every mutation before it is answered. Must not throw. */
  onMutation?(mutation: Mutation): void;
}

interface Pending {
  readonly command: StoreCommand;
  readonly origin: Origin | null;
  readonly resolve: (step: StoreStep) => void;
  readonly reject: (error: Error) => void;
}

interface Applied {
  readonly pending: Pending;
  readonly step: StoreStep;
}

// Mutations that are kept with one save. Under load a save covers all that arrived during the one before.
const BATCH_MAX = 256;

/**
 * The only writer of the state: applies mutations in order, has the result kept, and only then makes it
 * the current state and answers. Whoever was answered reads a state that includes the answer.
 */
export class StoreRunner {
  readonly #options: StoreRunnerOptions;
  #state: StoreState;
  #queue: Pending[] = [];
  #running: Promise<void> | null = null;
  #stopped: BrokerError | null = null;
  #saveFailure: BrokerError | null = null;

  constructor(options: StoreRunnerOptions) {
    this.#options = options;
    this.#state = options.initial;
  }

  /** The state as last kept. */
  get state(): StoreState {
    return this.#state;
  }

  /** Mutations that wait. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** Why the latest save failed, or null. */
  get saveFailure(): BrokerError | null {
    return this.#saveFailure;
  }

  /**
   * Carries out one mutation. Fails with OVERLOADED, SHUTTING_DOWN or PERSISTENCE_IO_ERROR; the state is
   * then what it was.
   */
  run(command: StoreCommand, origin: Origin | null = null): Promise<StoreStep> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    if (this.#queue.length >= this.#options.queueLengthMax) {
      const message = `${this.#queue.length} mutations are waiting already`;
      return Promise.reject(new BrokerError('OVERLOADED', message));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ command, origin, resolve, reject });
      this.#running ??= this.#work();
    });
  }

  /** Takes no more mutations; resolves when those taken are done. */
  async drain(): Promise<void> {
    this.#stopped ??= new BrokerError('SHUTTING_DOWN', 'the broker is shutting down');
    await this.#running;
  }

  /** Takes no more mutations and fails those that wait. One that is being saved is finished. */
  async abort(reason: Error): Promise<void> {
    this.#stopped ??= new BrokerError('SHUTTING_DOWN', 'the broker was stopped', { cause: reason });
    for (const pending of this.#queue.splice(0)) pending.reject(this.#stopped);
    await this.#running;
  }

  async #work(): Promise<void> {
    // Mutations that arrive in the same turn share the first save.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#runBatch(this.#queue.splice(0, BATCH_MAX));
    this.#running = null;
  }

  async #runBatch(batch: readonly Pending[]): Promise<void> {
    const before = this.#state;
    const { applied, change } = this.#applyAll(before, batch);
    const failure = change === null ? null : await this.#save(change);
    if (failure === null && change !== null) this.#state = change.state;
    if (this.#state !== before) this.#options.onKept?.(before, this.#state);
    let epochBefore = before.globalEpoch;
    for (const { pending, step } of applied) {
      // What changed nothing has nothing to be lost.
      const lost = step.state === before ? null : failure;
      const epochAfter = lost === null ? step.state.globalEpoch : before.globalEpoch;
      this.#tell(pending, { epochBefore, epochAfter, outcome: lost?.code ?? outcomeOf(step) });
      epochBefore = epochAfter;
      if (lost !== null) {
        pending.reject(lost);
        continue;
      }
      this.#log(step.events);
      pending.resolve(step);
    }
  }

  // The change is null when the state stays as it is.
  #applyAll(
    before: StoreState,
    batch: readonly Pending[],
  ): { readonly applied: readonly Applied[]; readonly change: StoreChange | null } {
    const applied: Applied[] = [];
    const steps: KeptStep[] = [];
    const context = this.#options.context();
    let state = before;
    for (const pending of batch) {
      const step = this.#apply(state, pending, context);
      if (step === null) continue;
      const { command } = pending;
      if (step.state !== state) steps.push({ command, epoch: step.state.globalEpoch });
      state = step.state;
      applied.push({ pending, step });
    }
    return { applied, change: state === before ? null : { state, steps, context } };
  }

  #apply(state: StoreState, pending: Pending, context: ApplyContext): StoreStep | null {
    try {
      return apply(state, pending.command, context);
    } catch (cause) {
      const { kind } = pending.command;
      this.#options.logger.error({ command: kind, error: cause }, 'mutation failed');
      pending.reject(new BrokerError('INTERNAL', `the mutation ${kind} failed`, { cause }));
      return null;
    }
  }

  async #save(change: StoreChange): Promise<BrokerError | null> {
    try {
      await this.#options.storage.save(change);
      this.#saveFailure = null;
    } catch (cause) {
      this.#options.logger.error({ error: cause }, 'state could not be saved');
      const message = 'the change could not be saved and was not made';
      this.#saveFailure = new BrokerError('PERSISTENCE_IO_ERROR', message, { cause });
    }
    return this.#saveFailure;
  }

  #tell(
    { command, origin }: Pending,
    result: Pick<Mutation, 'epochBefore' | 'epochAfter' | 'outcome'>,
  ): void {
    this.#options.onMutation?.({ command, origin, ...result });
  }

  #log(events: readonly StoreEvent[]): void {
    for (const { kind, ...fields } of events) {
      if (kind === 'failover-withheld' || kind === 'replacement-pending') {
        this.#options.logger.warn({ event: kind, ...fields }, 'store event');
      } else {
        this.#options.logger.info({ event: kind, ...fields }, 'store event');
      }
    }
  }
}

function outcomeOf({ outcome }: StoreStep): Mutation['outcome'] {
  return outcome.ok ? 'ok' : outcome.code;
}
