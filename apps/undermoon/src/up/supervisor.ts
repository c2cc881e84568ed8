import { Child, type ChildSpec } from './child.ts';
import { CommandError } from '../errors.ts';
import { Guard } from './guard.ts';
import type { RunFolder } from './run-folder.ts';

const STOP_DEADLINE_MS = 4000;

/**
 * Starts processes and sees to it that none outlives this one: each is on record in the run folder and on
 * the guard's list from the turn in which it is started until it has ended. None is started again.
 */
export class Supervisor {
  readonly #folder: RunFolder;
  readonly #guard: Guard;
  readonly #children: Child[] = [];
  readonly #onExit: (child: Child) => void;
  #isStopping = false;
  #rejectFailed: (reason: Error) => void = () => undefined;
  /** Rejects when a process ends before anybody asked it to. */
  readonly failed: Promise<never>;

  /** `onExit` is told of each process that ends before `stop` is called. */
  constructor(folder: RunFolder, onExit: (child: Child) => void) {
    this.#folder = folder;
    this.#onExit = onExit;
    this.failed = new Promise<never>((_, reject) => {
      this.#rejectFailed = reject;
    });
    this.failed.catch(() => undefined);
    this.#guard = new Guard();
    if (this.#guard.pid !== -1) folder.add('guard', this.#guard.pid);
  }

  get children(): readonly Child[] {
    return this.#children;
  }

  /** Starts a process. `ready` of the child tells whether it came up. */
  start(spec: ChildSpec): Child {
    if (this.#isStopping) throw new CommandError('INTERRUPTED', 'interrupted');
    const child = new Child(spec);
    if (child.pid !== -1) {
      this.#guard.add(child.pid);
      this.#folder.add(spec.name, child.pid);
    }
    this.#children.push(child);
    void child.ended.then(() => this.#forget(child));
    return child;
  }

  /**
   * Ends all processes: first the coordinators, who would take the end of the others for failures, then the
   * rest at a time. What does not end by itself is killed. Safe to call twice.
   */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const isCoordinator = ({ spec }: Child): boolean => spec.kind === 'coordinator';
    await endAll(this.#children.filter(isCoordinator));
    await endAll(this.#children.filter((child) => !isCoordinator(child)));
    await this.#guard.leave();
    this.#folder.release();
  }

  /** Kills all processes without waiting. */
  killAll(): void {
    this.#isStopping = true;
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #forget(child: Child): void {
    this.#guard.drop(child.pid);
    this.#folder.remove(child.pid);
    if (this.#isStopping) return;
    this.#rejectFailed(child.failure());
    this.#onExit(child);
  }
}

async function endAll(children: readonly Child[]): Promise<void> {
  for (const child of children) {
    child.kill('SIGTERM');
    // One that somebody has halted could not follow.
    child.kill('SIGCONT');
  }
  const timer = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, STOP_DEADLINE_MS);
  try {
    await Promise.all(children.map((child) => child.ended));
  } finally {
    clearTimeout(timer);
  }
}
