import { Queue, QueueEvents, Worker } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PlainPair, startPlainPair } from './plain-fixture.ts';

let pair: PlainPair;

beforeAll(async () => {
  pair = await startPlainPair();
});

afterAll(() => pair.stop());

type Client = Redis | Cluster;

function addressOf(text: string | null | undefined): { host: string; port: number } {
  const [host = '', port = ''] = (text ?? '').split(':');
  return { host, port: Number(port) };
}

// Workers wait in blocking commands for as long as it takes.
const OPTIONS = { maxRetriesPerRequest: null };

const CLIENTS: readonly (readonly [name: string, connect: () => Client])[] = [
  [
    'a Redis of ioredis on the plain port',
    () => new Redis({ ...addressOf(pair.proxies[0]?.plainAddress), ...OPTIONS }),
  ],
  [
    'a Cluster of ioredis on the cluster port',
    () => new Cluster([addressOf(pair.proxies[0]?.address)], { redisOptions: OPTIONS }),
  ],
];

// Both tags, since they belong to different proxies.
const CASES = CLIENTS.flatMap(([name, connect]) =>
  ['{jobs}', '{b}'].map((prefix) => [name, prefix, connect] as const),
);

describe.each(CASES)('BullMQ over %s, with the prefix %s', (_, prefix, connect) => {
  const clients: Client[] = [];
  const open: { close(): Promise<unknown> }[] = [];
  let queue: Queue;
  let events: QueueEvents;

  function connection(): Client {
    const client = connect();
    clients.push(client);
    return client;
  }

  /** Processes jobs until the test ends. */
  function startWorker(work: (name: string, attempt: number) => unknown): Worker {
    const worker = new Worker('work', (job) => Promise.resolve(work(job.name, job.attemptsMade)), {
      connection: connection(),
      prefix,
      concurrency: 4,
    });
    open.push(worker);
    return worker;
  }

  beforeEach(async () => {
    queue = new Queue('work', { connection: connection(), prefix });
    events = new QueueEvents('work', { connection: connection(), prefix });
    open.push(queue, events);
    queue.setMaxListeners(0);
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    await queue.obliterate({ force: true });
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    for (const client of clients.splice(0)) client.disconnect();
  });

  test('jobs are added alone and in bulk, processed, and their results heard of', async () => {
    startWorker((name) => `done ${name}`);
    const single = await queue.add('single', { a: 1 });
    const jobs = await queue.addBulk(
      Array.from({ length: 30 }, (__, i) => ({
        name: `job-${i}`,
        data: { i },
        opts: { priority: 1 + (i % 3) },
      })),
    );
    const results = await Promise.all(
      [single, ...jobs].map((job) => job.waitUntilFinished(events)),
    );
    expect(results).toEqual(['done single', ...jobs.map(({ name }) => `done ${name}`)]);
    expect(await queue.getJobCounts('completed', 'failed', 'waiting', 'active')).toEqual({
      completed: 31,
      failed: 0,
      waiting: 0,
      active: 0,
    });
  });

  test('a job that fails is tried again, after a delay, and one that always fails is kept', async () => {
    startWorker((name, attempt) => {
      if (name === 'hopeless' || attempt < 2) throw new Error(`no luck with ${name}`);
      return attempt;
    });
    const opts = { attempts: 3, backoff: { type: 'fixed', delay: 20 } };
    const [lucky, hopeless] = await queue.addBulk([
      { name: 'lucky', data: {}, opts },
      { name: 'hopeless', data: {}, opts },
    ]);
    expect(await lucky?.waitUntilFinished(events)).toBe(2);
    await expect(hopeless?.waitUntilFinished(events)).rejects.toThrow('no luck with hopeless');
    expect((await queue.getFailed()).map(({ name }) => name)).toEqual(['hopeless']);
  });

  test('delayed and repeated jobs come in time', async () => {
    const seen: string[] = [];
    const worker = startWorker((name) => void seen.push(name));
    const delayed = await queue.add('delayed', {}, { delay: 60 });
    expect(await queue.getDelayedCount()).toBeLessThanOrEqual(1);
    await delayed.waitUntilFinished(events);
    const repeated = new Promise<void>((resolve) => {
      worker.on('completed', () => {
        if (seen.filter((name) => name === 'repeated').length >= 2) resolve();
      });
    });
    await queue.upsertJobScheduler('often', { every: 40 }, { name: 'repeated' });
    await repeated;
    expect(await queue.removeJobScheduler('often')).toBe(true);
    expect(seen[0]).toBe('delayed');
  });

  test('a queue is paused, drained and resumed', async () => {
    await queue.pause();
    await queue.addBulk(Array.from({ length: 5 }, (__, i) => ({ name: `${i}`, data: {} })));
    startWorker((name) => name);
    expect(await queue.isPaused()).toBe(true);
    expect(await queue.count()).toBe(5);
    await queue.drain();
    expect(await queue.count()).toBe(0);
    const last = await queue.add('last', {});
    await queue.resume();
    expect(await last.waitUntilFinished(events)).toBe('last');
  });
});
