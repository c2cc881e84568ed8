import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import { parseClusterName, parseNodeAddress, type NodeAddress } from '@undermoon/cluster-meta';
import { freePort, startProgram, type ProgramEnd, type RunningProgram } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const BROKER = fileURLToPath(new URL('../../undermoon-broker/src/cli.ts', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'undermoon-proxy-'));
let program: RunningProgram;
let broker = '';
let client: BrokerClient;

beforeAll(async () => {
  program = startProgram(BROKER, ['--address', '127.0.0.1:0'], { cwd: directory });
  broker = /127\.0\.0\.1:\d+/.exec(await program.firstLine)?.[0] ?? '';
  client = createBrokerClient({ brokers: [broker] });
});
afterAll(async () => {
  await client.close();
  await program[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const SILENT = 'it does not answer; unless it does soon, coordinators report it\n';

const run = (...argv: string[]): Promise<ProgramEnd> =>
  startProgram(CLI, [...argv, '--broker', `http://${broker}`], { cwd: directory }).ended;
const serversOf = (n: number): string => `127.1.0.${n}:7001,127.1.0.${n}:7002`;
const add = (n: number, ...flags: string[]): Promise<ProgramEnd> =>
  run('proxy', 'add', `127.1.0.${n}:6001`, '--redis', serversOf(n), ...flags);

function address(text: string): NodeAddress {
  const parsed = parseNodeAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

// In this order: the first proxies are in a cluster for all that follows.
it('adds proxies that are then listed and used', { timeout: 60_000 }, async () => {
  expect((await run('proxy', 'list')).stdout).toBe(
    'no proxies yet: undermoon proxy add HOST:PORT --redis HOST:PORT,HOST:PORT\n',
  );
  expect(await add(1)).toMatchObject({
    code: 0,
    stderr: '',
    stdout:
      'proxy 127.1.0.1:6001 added: Redis servers 127.1.0.1:7001 127.1.0.1:7002, host 127.1.0.1\n' +
      SILENT,
  });
  const labels = ['--zone', 'z', '--weight', '50', '--replica-address', '127.1.0.2:6101'];
  const second = await add(2, '--host', 'rack', ...labels, '--json');
  expect(JSON.parse(second.stdout)).toEqual({
    added: '127.1.0.2:6001',
    redis: ['127.1.0.2:7001', '127.1.0.2:7002'],
    host: 'rack',
    wasKnown: false,
    wasFailed: false,
    answers: false,
  });
  await client.createCluster(parseClusterName('demo')!, 4);
  await add(10);
  const list = await run('proxy', 'list');
  expect(list.stdout).toBe(
    [
      'PROXY            HOST        ZONE  WEIGHT  CLUSTER  STATE  REDIS',
      '127.1.0.1:6001   127.1.0.1   -     100     demo     ok     127.1.0.1:7001 127.1.0.1:7002',
      '127.1.0.2:6001   rack        z     50      demo     ok     127.1.0.2:7001 127.1.0.2:7002',
      '127.1.0.10:6001  127.1.0.10  -     100     (spare)  ok     127.1.0.10:7001 127.1.0.10:7002',
      '',
    ].join('\n'),
  );
  const { proxies } = JSON.parse((await run('proxy', 'list', '--json')).stdout) as {
    proxies: unknown[];
  };
  expect(proxies[1]).toEqual({
    address: '127.1.0.2:6001',
    replicaAddress: '127.1.0.2:6101',
    redis: ['127.1.0.2:7001', '127.1.0.2:7002'],
    host: 'rack',
    zone: 'z',
    weight: 50,
    index: 0,
    cluster: 'demo',
    state: 'ok',
  });
});

it('changes labels of a known proxy, and leaves alone what is not given', async () => {
  const changed = await run('proxy', 'add', '127.1.0.2:6001', '--weight', '70');
  expect(changed).toMatchObject({
    code: 0,
    stdout: `proxy 127.1.0.2:6001 was known already\n${SILENT}`,
  });
  expect((await client.store()).proxies.get(address('127.1.0.2:6001'))).toMatchObject({
    zone: 'z',
    weight: 70,
    host: 'rack',
    replicaAddress: '127.1.0.2:6101',
  });
});

it('brings a failed proxy back', { timeout: 60_000 }, async () => {
  // The spare takes the place of the first one.
  await client.failover(address('127.1.0.1:6001'));
  expect((await run('proxy', 'list')).stdout).toMatch(/127\.1\.0\.1:6001 .* - +failed /);
  const back = await run('proxy', 'add', '127.1.0.1:6001');
  expect(back.stdout).toBe(
    'proxy 127.1.0.1:6001 is no longer failed, and free to be used\n' + SILENT,
  );
  expect(await client.failedProxies()).toEqual([]);
  // Those that are free are gone, so that the next one that fails stays in its cluster.
  await client.removeProxy(address('127.1.0.1:6001'));
  await expect(client.failover(address('127.1.0.2:6001'))).rejects.toMatchObject({
    code: 'NO_AVAILABLE_RESOURCE',
  });
  const member = await run('proxy', 'add', '127.1.0.2:6001');
  expect(member.stdout).toBe(
    'proxy 127.1.0.2:6001 is no longer failed, and still in cluster demo\n' + SILENT,
  );
});

it('removes a free proxy, and says how to have it again', { timeout: 60_000 }, async () => {
  const flags = [
    '--host',
    'h 3',
    '--zone',
    'z3',
    '--weight',
    '7',
    '--replica-address',
    '127.1.0.3:6101',
  ];
  await add(3, ...flags);
  const removed = await run('proxy', 'remove', '127.1.0.3:6001');
  expect(removed).toMatchObject({ code: 0, stderr: '' });
  expect(removed.stdout).toBe(
    'proxy 127.1.0.3:6001 removed; to have it again: undermoon proxy add 127.1.0.3:6001 --redis 127.1.0.3:7001,127.1.0.3:7002 ' +
      "--host 'h 3' --zone z3 --weight 7 --replica-address 127.1.0.3:6101\n",
  );
  await add(3);
  const json = await run('proxy', 'remove', '127.1.0.3:6001', '--json');
  expect(json.stdout).toBe('{"removed":"127.1.0.3:6001"}\n');
  expect(await client.proxyAddresses()).not.toContain('127.1.0.3:6001');
});

it.each([
  [['remove', '127.1.0.2:6001'], 1, 'proxy 127.1.0.2:6001 is in use by cluster demo; '],
  [['remove', '10.9.9.9:6001'], 1, 'the broker refused: PROXY_NOT_FOUND: there is no proxy of '],
  [['remove', 'nowhere'], 2, 'address: expected host:port, got "nowhere"\n'],
  [['add', '10.9.9.9:6001'], 2, '--redis: required, since the broker does not know proxy 10.9.9.9'],
  [['add', '10.9.9.9:6001', '--redis', 'a:1,a:1'], 2, '--redis: expected two different '],
  [['add', '10.9.9.9:6001', '--redis', 'a:1,a:2,a:3'], 2, '--redis: expected two different '],
  [
    ['add', '10.9.9.9:6001', '--weight', '0'],
    2,
    '--weight: expected a whole number from 1 to 1000',
  ],
  [['add', '10.9.9.9:6001', '--replica-address', 'x'], 2, '--replica-address: expected host:port'],
  [
    ['add', '10.9.9.9:6001', '--redis', '10.9.9.9:7001,127.1.0.2:7001'],
    1,
    'Redis server 127.1.0.2:7001 belongs to proxy 127.1.0.2:6001 already\n',
  ],
  [
    ['add', '127.1.0.2:6001', '--redis', 'a:1,a:2', '--host', 'x'],
    1,
    'proxy 127.1.0.2:6001 is known already, with the Redis servers 127.1.0.2:7001 127.1.0.2:7002 and on host rack; ',
  ],
  [
    ['add', '10.9.9.9:6001', '--redis', 'a:1,a:2', '--replica-address', '127.1.0.2:6101'],
    1,
    'the broker refused: INVALID_PROXY_ADDRESS: ',
  ],
] as const)('refuses proxy %j with %d', async (argv, code, text) => {
  const end = await run('proxy', ...argv);
  expect(end).toMatchObject({ code, stdout: '' });
  expect(end.stderr.slice('undermoon: '.length, 'undermoon: '.length + text.length)).toBe(text);
});

it('says nothing of a proxy that answers', async () => {
  // What is asked is only whether it answers, if with an error.
  const server = createServer((socket) => socket.on('data', () => socket.write('-ERR no\r\n')));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const added = await run('proxy', 'add', at, '--redis', 'a:1,a:2');
  server.close();
  expect(added.stdout).toBe(`proxy ${at} added: Redis servers a:1 a:2, host 127.0.0.1\n`);
});

it('names a broker that cannot be reached', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const end = await startProgram(CLI, ['proxy', 'list', '--broker', url], { cwd: directory }).ended;
  expect(end).toMatchObject({ code: 1, stdout: '' });
  expect(end.stderr).toContain(`cannot reach the broker at ${url} (from --broker); `);
});
