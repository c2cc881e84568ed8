import { setTimeout as wait } from 'node:timers/promises';
import type { SeededRandom } from '@undermoon/testkit';
import type { Ledger, Mutation, Outcome } from './ledger.ts';

/** What a load runs with. */
export interface LoadOptions {
  readonly ledger: Ledger;
  readonly random: SeededRandom;
  /** The brokers to ask, `http://host:port`; each change goes to one of them. */
  readonly brokers: readonly string[];
  readonly writers: number;
}

const ANSWER_MS_MAX = 6000;
const REFUSED_PAUSE_MS = 10;

/** Writers that ask for changes without a pause, until they are stopped. */
export class Load {
  readonly #options: LoadOptions;
  readonly #working: Promise<unknown>;
  #isStopped = false;
  #watchers: (() => void)[] = [];
  #askedAt = 0;
  #failure: Error | null = null;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#working = Promise.all(Array.from({ length: options.writers }, () => this.#write()));
  }

  /** Resolves when `count` more changes are made that were asked for after this call. */
  async made(count: number): Promise<void> {
    const startedAt = performance.now();
    let left = count;
    while (left > 0) {
      if (this.#failure !== null) throw this.#failure;
      if (performance.now() - startedAt > 60_000)
        throw new Error('no change was made for a minute');
      const askedAt = await this.#nextMade();
      if (askedAt >= startedAt) left -= 1;
    }
  }

  /** Lets the changes under way end. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#working;
    if (this.#failure !== null) throw this.#failure;
  }

  async #nextMade(): Promise<number> {
    await Promise.race([
      new Promise<void>((resolve) => this.#watchers.push(resolve)),
      wait(1000, undefined, { ref: false }),
    ]);
    return this.#askedAt;
  }

  async #write(): Promise<void> {
    const { ledger, random, brokers } = this.#options;
    while (!this.#isStopped && this.#failure === null) {
      const mutation = ledger.next(random);
      const askedAt = performance.now();
      try {
        const outcome = await send(random.pick(brokers), mutation);
        ledger.settle(mutation, outcome);
        if (outcome === 'made') this.#tell(askedAt);
        else await wait(REFUSED_PAUSE_MS);
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  #tell(askedAt: number): void {
    this.#askedAt = askedAt;
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

/** Asks for a change once. Fails when the answer is one that a broker must not give. */
export async function send(broker: string, { kind, address }: Mutation): Promise<Outcome> {
  const host = address.slice(0, address.indexOf(':'));
  const body = { proxy_address: address, nodes: [`${host}:7001`, `${host}:7002`], host };
  let status: number;
  let text: string;
  try {
    const response = await fetch(
      `${broker}/api/v3/proxies/meta${kind === 'add' ? '' : `/${address}`}`,
      {
        method: kind === 'add' ? 'POST' : 'DELETE',
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        ...(kind === 'add'
          ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
          : {}),
      },
    );
    status = response.status;
    text = await response.text();
  } catch (error) {
    return isNeverConnected(error) ? 'refused' : 'unknown';
  }
  if (status === 200) return 'made';
  for (const [pattern, outcome] of OUTCOMES) if (pattern.test(`${status} ${text}`)) return outcome;
  throw new Error(`${kind} ${address} was answered with ${status} ${text}`);
}

const OUTCOMES: readonly (readonly [RegExp, Outcome])[] = [
  [/^409 .*"RETRY"/, 'refused'],
  [/^500 .*"PERSISTENCE_IO_ERROR"/, 'refused'],
  [/^503 /, 'refused'],
  [/^504 /, 'unknown'],
  [/^500 .*"EXTERNAL"/, 'unknown'],
];

function isNeverConnected(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

/** The whole state of a broker. */
export async function dumpOf(broker: string): Promise<unknown> {
  const response = await fetch(`${broker}/api/v3/metadata`, {
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  if (response.status !== 200)
    throw new Error(`no dump: ${response.status} ${await response.text()}`);
  return response.json();
}
