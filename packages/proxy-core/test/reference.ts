import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import type { ProxyServerOptions } from '../src/index.ts';
import { ALL_SLOTS, type Fixture, startFixture } from './fixture.ts';

/** A proxy that owns all slots, and a Redis server in cluster mode that does: they must answer alike. */
export interface Twins {
  readonly fixture: Fixture;
  readonly reference: RedisServer;
  /** A new client of the proxy and one of the server. */
  connect(): Promise<readonly [proxied: RawClient, direct: RawClient]>;
  stop(): Promise<void>;
}

export async function startTwins(options: ProxyServerOptions = {}): Promise<Twins> {
  const [fixture, reference] = await Promise.all([
    startFixture([ALL_SLOTS], options),
    startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] }),
  ]);
  await using admin = await RawClient.connect(reference.address);
  await admin.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  // The server itself counts two seconds until it takes a new cluster for stable.
  for (let text = ''; !text.includes('cluster_state:ok');) {
    const reply = await admin.command('CLUSTER', 'INFO');
    text = reply.type === 'bulk' ? reply.value.toString() : '';
  }
  return {
    fixture,
    reference,
    connect: async () =>
      Promise.all([fixture.connect(), RawClient.connect(reference.address)] as const),
    async stop() {
      await Promise.all([fixture.stop(), reference.stop()]);
    },
  };
}

/** Runs each line as a command and returns all bytes that came back, one text per line. */
export async function transcript(client: RawClient, lines: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  for (const line of lines) {
    const before = client.receivedBytes.length;
    await client.command(...line.split(' '));
    answers.push(`${line} -> ${client.receivedBytes.subarray(before).toString('latin1')}`);
  }
  return answers;
}
