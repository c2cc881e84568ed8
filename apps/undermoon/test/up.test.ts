import path from 'node:path';

import type { RunningProgram } from '@undermoon/testkit';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ReadyInfo } from '../src/up/ready-info.ts';
import { Ground, living, pidsOf, readyOf, until } from './running-up.ts';

const ANY_NUMBER: unknown = expect.any(Number);
const ENGINE: unknown = expect.stringMatching(/^(?:Redis|Valkey) \d/);

interface Event {
  readonly event: string;
  readonly time: string;
}

/** All JSON lines on stdout so far; a line that is none fails. */
function eventsOf(program: { readonly stdout: string }): Event[] {
  const lines = program.stdout.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Event);
}

/** GET commands that a Redis server has executed. */
async function getCallsOf(address: string): Promise<number> {
  const server = new Redis({ host: '127.0.0.1', port: portOf(address) });
  try {
    return Number(/cmdstat_get:calls=(\d+)/.exec(await server.info('commandstats'))?.[1] ?? 0);
  } finally {
    server.disconnect();
  }
}

async function writeTo(address: string): Promise<void> {
  const server = new Redis({ host: '127.0.0.1', port: portOf(address) });
  try {
    await server.set('old', 'value');
  } finally {
    server.disconnect();
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

describe('a running cluster', () => {
  const ground = new Ground({ port: 24_900, brokerPort: 25_800 });
  let program: RunningProgram;
  let info: ReadyInfo;

  beforeAll(async () => {
    program = ground.up('--json');
    info = await readyOf(program);
  });
  afterAll(() => ground.dispose());

  const cli = (...argv: string[]) => ground.run([...argv, '--broker', ground.broker]);

  it('describes itself in one JSON object', () => {
    expect(info).toEqual({
      event: 'ready',
      broker: 'http://127.0.0.1:25800',
      brokerPid: ANY_NUMBER,
      cluster: 'demo',
      coordinators: [
        { address: '127.0.0.1:25801', pid: ANY_NUMBER },
        { address: '127.0.0.1:25802', pid: ANY_NUMBER },
      ],
      proxies: [0, 1, 2, 3].map((index) => ({
        address: `127.0.0.1:${24_900 + index}`,
        pid: ANY_NUMBER,
        replicaAddress: `127.0.0.1:${26_700 + index}`,
        host: `host-${index + 1}`,
        redis: [0, 1].map((which) => ({
          address: `127.0.0.1:${25_900 + 2 * index + which}`,
          pid: ANY_NUMBER,
        })),
      })),
      engine: ENGINE,
      dir: path.join(ground.directory, '.undermoon'),
      pid: program.pid,
      startedInMs: ANY_NUMBER,
    });
    expect(living(pidsOf(info))).toHaveLength(15);
  });

  it('is used by a stock client', async () => {
    const client = new Cluster([{ host: '127.0.0.1', port: 24_901 }]);
    try {
      await Promise.all(Array.from({ length: 100 }, (_, i) => client.set(`key:${i}`, `${i}`)));
      expect(
        await Promise.all(Array.from({ length: 100 }, (_, i) => client.get(`key:${i}`))),
      ).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    } finally {
      client.disconnect();
    }
  });

  it('lists replicas, from which stock clients read', async () => {
    const client = new Cluster([{ host: '127.0.0.1', port: 24_900 }], { scaleReads: 'slave' });
    const servers = info.proxies.slice(0, 2).flatMap(({ redis }) => redis);
    const calls = () => Promise.all(servers.map(({ address }) => getCallsOf(address)));
    try {
      await Promise.all(Array.from({ length: 100 }, (_, i) => client.set(`key:${i}`, `${i}`)));
      const before = await calls();
      await Promise.all(Array.from({ length: 100 }, (_, i) => client.get(`key:${i}`)));
      const [m1 = 0, r2 = 0, m2 = 0, r1 = 0] = (await calls()).map((n, i) => n - before[i]!);
      expect([m1, m2, r1 + r2]).toEqual([0, 0, 100]);
      expect(Math.min(r1, r2)).toBeGreaterThan(10);
      const ports = client.nodes('slave').map(({ options }) => options.port);
      expect(new Set(ports)).toEqual(new Set([26_700, 26_701]));
    } finally {
      client.disconnect();
    }
  });

  it('is shown by status', async () => {
    const json = await cli('status', '--json');
    expect(json).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({
      broker: { url: 'http://127.0.0.1:25800' },
      clusters: [{ name: 'demo', isHealthy: true, problems: [] }],
      proxies: [
        {
          address: '127.0.0.1:24900',
          replicaAddress: '127.0.0.1:26700',
          isReplicaAddressUp: true,
          cluster: 'demo',
          health: 'ok',
          nodes: [
            { address: '127.0.0.1:25900', role: 'master', shard: 1 },
            { address: '127.0.0.1:25901', role: 'replica', shard: 2 },
          ],
        },
        { address: '127.0.0.1:24901', cluster: 'demo', health: 'ok' },
        { address: '127.0.0.1:24902', cluster: null, health: 'ok' },
        { address: '127.0.0.1:24903', cluster: null, health: 'ok' },
      ],
    });
    // Without a flag the broker of the run in this folder is asked.
    const { stdout } = await ground.run(['status']);
    expect(stdout).toContain('cluster  demo: healthy\n');
    expect(stdout).toMatch(
      /127\.0\.0\.1:24900 +127\.0\.0\.1:26700 +demo +\d+ +ok +127\.0\.0\.1:25900 +1 +master +0-8191\n/,
    );
  });

  it('gets a second cluster and loses it again', async () => {
    const proxies = ['127.0.0.1:24902', '127.0.0.1:24903'];
    const first = await cli('cluster', 'create', 'two', '--nodes', '4', '--json');
    expect(JSON.parse(first.stdout)).toEqual({ created: 'two', nodeNumber: 4, proxies, keys: 0 });
    await writeTo('127.0.0.1:25904');
    await cli('cluster', 'delete', 'two', '--yes');
    expect(await cli('cluster', 'create', 'two', '--nodes', '4')).toMatchObject({
      code: 0,
      stdout:
        `cluster two created: 4 nodes at ${proxies.join(' ')}\n` +
        'coordinators bring it to the proxies within seconds: undermoon status\n' +
        'keys that its Redis servers held before: 1; FLUSHALL at each of its proxies removes them\n',
    });
    const list = await cli('cluster', 'list', '--json');
    expect(JSON.parse(list.stdout)).toEqual({
      clusters: ['demo', 'two'].map((name) => ({
        name,
        nodeNumber: 4,
        nodeNumberWithSlots: 4,
        isMigrating: false,
      })),
    });
    const shown = await cli('cluster', 'info', 'two');
    expect(shown.stdout).toMatch(/^two: 4 nodes, epoch \d+\n\nPROXY +REDIS +ROLE +SLOTS\n/);
    const parsed: unknown = JSON.parse((await cli('cluster', 'info', 'two', '--json')).stdout);
    expect(parsed).toMatchObject({ name: 'two', nodeNumber: 4 });
    expect((parsed as { nodes: unknown[] }).nodes[3]).toEqual({
      address: '127.0.0.1:25907',
      proxyAddress: '127.0.0.1:24903',
      role: 'replica',
      slots: '',
      moves: [],
      peer: '127.0.0.1:25904',
    });
    const asked = await cli('cluster', 'delete', 'two');
    expect(asked).toMatchObject({ code: 2, stdout: '' });
    expect(asked.stderr).toBe('undermoon: there is no terminal to ask on; --yes agrees\n');
    const deleted = await cli('cluster', 'delete', 'two', '--yes');
    expect(deleted.stdout).toBe(
      'cluster two deleted; free again: 127.0.0.1:24902 127.0.0.1:24903\n',
    );
    expect((await cli('cluster', 'list')).stdout).toMatch(/^NAME +NODES.*\ndemo +4 +4 +no\n$/);
  });

  it.each([
    [
      ['cluster', 'create', 'demo', '--nodes', '4'],
      1,
      'ALREADY_EXISTED: there is a cluster of that name already',
    ],
    [
      ['cluster', 'create', 'big', '--nodes', '40'],
      1,
      'NO_AVAILABLE_RESOURCE: there are not enough free proxies',
    ],
    [
      ['cluster', 'create', 'odd', '--nodes', '6'],
      1,
      'INVALID_NODE_NUMBER: the number of nodes has to be a multiple of 4',
    ],
    [['cluster', 'create', 'none'], 2, 'cluster create needs --nodes <number>'],
    [['cluster', 'info', 'nope'], 1, 'there is no cluster'],
    [['cluster', 'delete', 'nope', '--yes'], 1, 'there is no cluster nope'],
    [['cluster', 'info', 'a:b'], 2, 'name: expected 1 to 31 characters'],
  ] as const)('refuses %j', async (argv, code, text) => {
    const end = await cli(...argv);
    expect(end).toMatchObject({ code, stdout: '' });
    expect(end.stderr).toContain(text);
  });

  it('refuses a second run in its folder, and one on its ports', async () => {
    const again = await ground.up().ended;
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toContain(`another "undermoon up" with process id ${program.pid} runs in`);
    const elsewhere = await ground.up('--dir', 'other').ended;
    expect(elsewhere).toMatchObject({ code: 1, stdout: '' });
    expect(elsewhere.stderr).toContain(
      'undermoon: port 25800 (broker) is already in use; --broker-port moves it\n',
    );
    expect(living(pidsOf(info))).toHaveLength(15);
  });

  it('tells of processes that end, and of the failover', async () => {
    const [victim] = info.proxies;
    process.kill(info.coordinators[0]!.pid, 'SIGKILL');
    for (const { pid } of [victim!, ...victim!.redis]) process.kill(pid, 'SIGKILL');
    await until('a healthy cluster after a failover', () =>
      eventsOf(program).some(({ event }) => event === 'cluster-healthy'),
    );
    const events = eventsOf(program).slice(1);
    const byName = (name: string) => events.filter(({ event }) => event === name);
    const exit = { code: null, signal: 'SIGKILL' };
    expect(byName('coordinator-exited')).toMatchObject([
      { ...info.coordinators[0], ...exit, left: 1 },
    ]);
    expect(byName('proxy-exited')).toMatchObject([{ address: victim!.address, ...exit }]);
    expect(byName('redis-exited')).toHaveLength(2);
    expect(byName('redis-exited')[0]).toMatchObject({ proxy: victim!.address, ...exit });
    expect(byName('cluster-unhealthy')).toHaveLength(1);
    expect(byName('failover').at(-1)).toMatchObject({
      cluster: 'demo',
      failed: '127.0.0.1:24900',
      promoted: ['127.0.0.1:25903'],
    });
    expect(byName('proxy-replaced')).toMatchObject([{ removed: '127.0.0.1:24900' }]);
    expect(byName('epoch-changed').length).toBeGreaterThan(0);
    for (const { time } of events) expect(time).toMatch(/^\d{4}-\d\d-\d\dT/);
    const status = await cli('status', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      clusters: [{ isHealthy: true }],
      proxies: [
        {
          address: '127.0.0.1:24900',
          cluster: null,
          isFailed: true,
          health: 'failed',
          epoch: null,
        },
        {},
        {},
        {},
      ],
    });
  });

  it('stops on SIGTERM with 0, even with a halted proxy, and leaves nothing', async () => {
    process.kill(info.proxies[1]!.pid, 'SIGSTOP');
    program.kill('SIGTERM');
    const end = await program.ended;
    expect(end.code).toBe(0);
    expect(eventsOf(end).at(-1)).toMatchObject({ event: 'stopping', reason: 'SIGTERM' });
    expect(living(pidsOf(info))).toEqual([]);
    expect(ground.recorded()).toEqual(new Map());
    const status = await ground.run(['status', '--broker', ground.broker]);
    expect(status).toMatchObject({ code: 1, stdout: '' });
    expect(status.stderr).toContain(
      'cannot reach the broker at http://127.0.0.1:25800 (from --broker)',
    );
  });
});
