import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import type { CancelTimer, Millis } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { afterEach } from 'vitest';
import type { BrokerOptions } from '../src/options.ts';
import { createBroker, type Broker } from '../src/shell/broker.ts';
import { address } from './store-fixture.ts';

/** Wall clock that a test moves; timers are real. */
export class TestClock {
  #now = 1_700_000_000_000 as Millis;
  now = (): Millis => this.#now;
  monotonicMs = (): number => systemClock.monotonicMs();
  after = (delayMs: number, callback: () => void): CancelTimer =>
    systemClock.after(delayMs, callback);

  pass(seconds: number): void {
    this.#now = (this.#now + seconds * 1000) as Millis;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface RunningBroker {
  readonly broker: Broker;
  readonly client: BrokerClient;
  readonly clock: TestClock;
  /** A bare request; the body is sent as bytes with no other headers than those given. */
  readonly ask: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer>;
}

const running: RunningBroker[] = [];

afterEach(async () => {
  await Promise.all(
    running.splice(0).map(async ({ broker, client }) => {
      await client.close();
      await broker.close({ drainTimeoutMs: 0 });
    }),
  );
});

/** A listening broker with a client; both are closed after the test. */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const clock = new TestClock();
  const broker = createBroker({
    address: '127.0.0.1:0',
    clock,
    // There are no proxies at the addresses of these tests.
    fetchReplica: () => Promise.resolve('in-step'),
    ...options,
  });
  await broker.listen();
  const client = createBrokerClient({ brokers: [broker.address] });
  const ask: RunningBroker['ask'] = async (method, path, body, headers = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`http://${broker.address}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: Buffer.from(text) }),
    });
    return answerOf(response);
  };
  const entry = { broker, client, clock, ask };
  running.push(entry);
  return entry;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** Registers proxies 1…count, each on a host of its own. */
export async function addProxies(client: BrokerClient, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) {
    await client.addProxy({
      proxyAddress: `10.0.0.${n}:6001`,
      nodes: [address(`10.0.0.${n}:7001`), address(`10.0.0.${n}:7002`)],
      host: `host-${n}`,
    });
  }
}
