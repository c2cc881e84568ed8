import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { address } from '../../test/store-fixture.ts';
import { fetchReplicaState, nodesInStep, type ReplicaState } from './fetch-replica.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A listener that sends each part of a reply once it has got a request. */
async function proxyThatSays(...parts: readonly string[]): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      assert.equal(bytes.toString(), '*2\r\n$5\r\nUMCTL\r\n$8\r\nINFOREPL\r\n');
      for (const part of parts) socket.write(part);
      if (parts.length === 0) socket.end();
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert(bound !== null && typeof bound === 'object');
  return `127.0.0.1:${bound.port}`;
}

function node(...lines: readonly string[]): string {
  const texts = lines.map((line) => `$${line.length + 1}\r\n${line}\n\r\n`);
  return `*${lines.length}\r\n${texts.join('')}`;
}

const NODE = address('10.0.0.1:7001');
const ORIGINAL = ['cluster:demo', 'role:replica', `node_address:${NODE}`, 'master:a:1@b:1'];
const OTHER = node('cluster:demo', 'role:master', 'node_address:10.0.0.1:7002', 'state:ok');
const replica = (role: string, link: string, state: string): string => {
  const told = [`observed_role:${role}`, `link:${link}`, 'offset:9', `state:${state}`];
  return `*2\r\n${OTHER}${node(...ORIGINAL, ...told)}`;
};

async function stateAt(...parts: readonly string[]): Promise<ReplicaState> {
  const proxyAddress = address(await proxyThatSays(...parts));
  return fetchReplicaState({ proxyAddress, nodeAddress: NODE });
}

describe('a replica is', () => {
  test.each<[string, string, ReplicaState]>([
    ['that follows its master', replica('replica', 'connected', 'ok'), 'in-step'],
    ['that gets its first copy', replica('replica', 'sync', 'link-down'), 'behind'],
    ['that is still a master', replica('master', 'none', 'wrong-role'), 'behind'],
    ['of another master', replica('replica', 'connected', 'wrong-master'), 'behind'],
    ['nobody has asked yet', replica('unknown', 'none', 'unknown'), 'behind'],
    ['the proxy knows nothing of', `*1\r\n${OTHER}`, 'behind'],
    ['of a proxy without metadata', '*0\r\n', 'behind'],
    ['of a proxy of undermoon 0.6', `*2\r\n${OTHER}${node(...ORIGINAL)}`, 'untold'],
  ])('one %s', async (_, reply, state) => {
    expect(await stateAt(reply)).toBe(state);
    expect(await stateAt(...reply.split(/(?<=[\r*:])/))).toBe(state);
  });

  test.each([
    ['an error', '-ERR nope\r\n', 'behind'],
    ['a text', '+OK\r\n', 'behind'],
    ['another shape', '*1\r\n:1\r\n', 'behind'],
    ['numbers for lines', '*1\r\n*1\r\n:1\r\n', 'behind'],
    ['an endless reply', `*1\r\n*1\r\n$99999\r\n${'x'.repeat(70_000)}`, 'untold'],
  ] as const)('%s is %s', async (_, reply, state) => {
    expect(await stateAt(reply)).toBe(state);
  });

  test('unreachable when the proxy is silent, closes or is gone', async () => {
    expect(await stateAt()).toBe('unreachable');
    expect(await stateAt('*2\r\n')).toBe('unreachable');
    const proxyAddress = address(await proxyThatSays('*0\r\n'));
    servers.pop()?.close();
    expect(await fetchReplicaState({ proxyAddress, nodeAddress: NODE })).toBe('unreachable');
  });
});

test('many are asked, some at a time', async () => {
  let [asked, askedMost] = [0, 0];
  const nodes = Array.from({ length: 200 }, (_, n) => ({
    proxyAddress: address(`10.1.0.${n}:6001`),
    nodeAddress: address(`10.1.0.${n}:7001`),
  }));
  const inStep = await nodesInStep(nodes, async ({ nodeAddress }) => {
    asked += 1;
    askedMost = Math.max(askedMost, asked);
    await Promise.resolve();
    asked -= 1;
    const states = ['in-step', 'behind', 'untold', 'unreachable'] as const;
    return states[nodes.findIndex((each) => each.nodeAddress === nodeAddress) % 4] ?? 'behind';
  });
  expect(inStep).toHaveLength(100);
  expect(askedMost).toBeLessThanOrEqual(64);
});
