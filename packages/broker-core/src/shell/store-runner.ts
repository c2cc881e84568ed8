import { isBrokerErrorCode } from '@undermoon/broker-api';
import type { Logger } from '@undermoon/runtime';
import { apply } from '../core/apply.ts';
import {
  done,
  type ApplyContext,
  type StoreCommand,
  type StoreEvent,
  type StoreStep,
} from '../core/command.ts';
import type { StoreState } from '../core/model.ts';
import { BrokerError } from '../errors.ts';
import type { Mutation, Origin } from './mutation.ts';
import {
  isShared,
  type KeptStep,
  type MetaStorage,
  type SharedStorage,
  type StoreChange,
} from './persistence/meta-storage.ts';

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
  /** Carries out each save, such as to time it. */
  aroundSave?(save: () => Promise<void>): Promise<void>;
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

// How often mutations are carried out again because another broker changed the shared state meanwhile.
const ATTEMPTS_MAX = 5;

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
  readonly #shared: SharedStorage | null;

  constructor(options: StoreRunnerOptions) {
    this.#options = options;
    this.#state = options.initial;
    this.#shared = isShared(options.storage) ? options.storage : null;
    this.#shared?.onChange((before, after) => {
      options.onKept?.(before ?? options.initial, after);
    });
  }

  /** The state as last kept; of a shared storage, as last read or written. */
  get state(): StoreState {
    return this.#shared?.state ?? this.#state;
  }

  /** Whether mutations can be carried out here: no other broker leads. */
  get isWriter(): boolean {
    return this.#shared === null || this.#shared.writer.kind === 'self';
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
    for (let attempt = 1; ; attempt++) {
      const refusal = await this.#catchUp();
      if (refusal !== null) {
        for (const pending of batch) this.#refuse(pending, refusal);
        return;
      }
      const before = this.state;
      const { applied, change } = this.#applyAll(before, batch);
      const failure = change === null ? null : await this.#save(change);
      // Nothing was kept: the same mutations, on what the other broker made of the state.
      if (failure?.code === 'RETRY' && attempt < ATTEMPTS_MAX) continue;
      if (failure === null && change !== null) {
        this.#state = change.state;
        this.#options.onKept?.(before, change.state);
      }
      this.#answer(applied, before, failure);
      return;
    }
  }

  #answer(applied: readonly Applied[], before: StoreState, failure: BrokerError | null): void {
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

  #refuse(pending: Pending, refusal: BrokerError): void {
    const epoch = this.state.globalEpoch;
    this.#tell(pending, { epochBefore: epoch, epochAfter: epoch, outcome: refusal.code });
    pending.reject(refusal);
  }

  // What is refused, and what is answered without a save, is true of the latest state as well.
  async #catchUp(): Promise<BrokerError | null> {
    if (this.#shared === null) return null;
    try {
      await this.#shared.refresh(0);
    } catch (error) {
      if (error instanceof BrokerError) return error;
      throw error;
    }
    if (this.#shared.writer.kind === 'self') return null;
    return new BrokerError('RETRY', 'this broker does not lead any more; try again');
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
    // After a failed save anything is saved, even without a change, to see whether it is over.
    const isUnchanged = state === before && this.#saveFailure === null;
    return { applied, change: isUnchanged ? null : { state, steps, context } };
  }

  #apply(state: StoreState, { command, reject }: Pending, context: ApplyContext): StoreStep | null {
    if (this.#isOldPush(state, command)) return done(state, []);
    try {
      return apply(state, command, context);
    } catch (cause) {
      const { kind } = command;
      this.#options.logger.error({ command: kind, error: cause }, 'mutation failed');
      reject(new BrokerError('INTERNAL', `the mutation ${kind} failed`, { cause }));
      return null;
    }
  }

  #isOldPush(state: StoreState, command: StoreCommand): boolean {
    if (command.kind !== 'restore' || this.#shared === null) return false;
    return this.#shared.ignoresPushes && command.store.globalEpoch <= state.globalEpoch;
  }

  async #save(change: StoreChange): Promise<BrokerError | null> {
    try {
      const save = (): Promise<void> => this.#options.storage.save(change);
      await (this.#options.aroundSave?.(save) ?? save());
      this.#saveFailure = null;
      return null;
    } catch (cause) {
      const failure = failureOf(cause);
      if (failure.code === 'RETRY') return failure;
      this.#options.logger.error({ error: cause }, 'state could not be saved');
      // Another broker may lead by now. Whether a shared storage can be used, every read of it tells.
      if (this.#shared === null) this.#saveFailure = failure;
      return failure;
    }
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

function failureOf(cause: unknown): BrokerError {
  if (cause instanceof BrokerError && isBrokerErrorCode(cause.code)) return cause;
  const message = 'the change could not be saved and was not made';
  return new BrokerError('PERSISTENCE_IO_ERROR', message, { cause });
}
