// What CLUSTER says of a master and its replica, beside a Redis Cluster of the same shape.
import type { RespValue } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createProxyServer, type ProxyServer } from '../src/index.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';
import { type Pair, tell } from './replicated.ts';

let real: RealCluster;
let servers: RedisServer[];
let proxies: ProxyServer[];
/** By node: the client of ours, and that of theirs. */
let clients: Record<Node, { ours: RawClient; theirs: RawClient }>;
let known: Map<string, string>;

type Node = 'master' | 'replica';

beforeAll(async () => {
  [real, ...servers] = await Promise.all([startRealCluster(), startRedis(), startRedis()]);
  proxies = [1, 2].map(() => createProxyServer({ address: '127.0.0.1:0' }));
  for (const proxy of proxies) await proxy.listen();
  const [proxy, replicaProxy] = proxies as [ProxyServer, ProxyServer];
  const [master, replica] = servers as [RedisServer, RedisServer];
  const pair: Pair = { master, replica, proxy, replicaProxy, slots: [[0, 16_383]] };
  tell([pair], 1);
  const open = (address: string) => RawClient.connect(address);
  clients = {
    master: { ours: await open(proxy.address), theirs: await open(real.master.address) },
    replica: { ours: await open(replicaProxy.address), theirs: await open(real.replica.address) },
  };
  known = new Map();
  for (const side of ['ours', 'theirs'] as const) {
    for (const node of ['master', 'replica'] as const) {
      const id = text(await clients[node][side].command('CLUSTER', 'MYID'));
      known.set(id, `<${node}>`);
    }
  }
  known.set(proxy.address, '<master:port>').set(real.master.address, '<master:port>');
  known.set(replicaProxy.address, '<replica:port>').set(real.replica.address, '<replica:port>');
  // A replica is listed once its master has heard that it has some data.
  await clients.master.theirs.command('SET', 'k', 'v');
  for (const { theirs } of Object.values(clients)) {
    const shards = async () => JSON.stringify(drawn(await theirs.command('CLUSTER', 'SHARDS')));
    await vi.waitUntil(async () => !(await shards()).includes('loading'), { timeout: 55_000 });
  }
});

afterAll(async () => {
  for (const { ours, theirs } of Object.values(clients)) {
    await ours.close();
    await theirs.close();
  }
  for (const proxy of proxies) proxy.destroy();
  await Promise.all([real.stop(), ...servers.map((server) => server.stop())]);
});

function text(reply: RespValue): string {
  return 'value' in reply ? String(reply.value) : '';
}

/** A reply with names for ids and ports, as a tree of types and texts. */
function drawn(reply: RespValue): unknown {
  if (reply.type === 'map') return { map: reply.entries.map((pair) => pair.map(drawn)) };
  if ('items' in reply) return { [reply.type]: reply.items.map(drawn) };
  return `${reply.type} ${named(text(reply))}`;
}

function named(line: string): string {
  let result = line;
  for (const [value, name] of known) result = result.replaceAll(value, name);
  for (const [address, name] of known) {
    const port = address.split(':')[1];
    if (port !== undefined && result === port) result = `${name} alone`;
  }
  return result;
}

async function both(node: Node, protocol: string, line: string): Promise<[RespValue, RespValue]> {
  const { ours, theirs } = clients[node];
  for (const client of [ours, theirs]) await client.command('HELLO', protocol);
  const words = line.split(' ').map((word) => {
    return [...known].find(([, name]) => name === word)?.[0] ?? word;
  });
  const idOf = (i: number): string => {
    const ids = [...known].filter(([, name]) => name === line.split(' ')[2]);
    return ids[i]?.[0] ?? '';
  };
  const wordsFor = (i: number) =>
    words.map((word, at) => (at === 2 && idOf(i) !== '' ? idOf(i) : word));
  return [await ours.command(...wordsFor(0)), await theirs.command(...wordsFor(1))];
}

/** Lines of CLUSTER NODES with what differs by time left out: ping, pong, epoch; and the bus port. */
function nodeLines(reply: string): string[] {
  const lines = reply.split('\n').filter(Boolean);
  return lines
    .map((line) =>
      named(line)
        .replace(/@\d+/, '@bus')
        .replace(/ \d+ \d+ \d+ connected/, ' t t e connected'),
    )
    .toSorted();
}

describe.each(['2', '3'])('RESP%s', (protocol) => {
  describe.each(['master', 'replica'] as const)('at the %s', (node) => {
    test.each([
      'CLUSTER SLOTS',
      'CLUSTER MYID',
      'CLUSTER KEYSLOT {a}b',
      'CLUSTER COUNT-FAILURE-REPORTS <master>',
    ])('%s', async (line) => {
      const [ours, theirs] = await both(node, protocol, line);
      expect(drawn(ours)).toEqual(drawn(theirs));
    });

    test('CLUSTER NODES', async () => {
      const [ours, theirs] = await both(node, protocol, 'CLUSTER NODES');
      expect(ours.type).toBe(theirs.type);
      expect(nodeLines(text(ours))).toEqual(nodeLines(text(theirs)));
    });

    test('CLUSTER REPLICAS', async () => {
      const [ours, theirs] = await both(node, protocol, 'CLUSTER REPLICAS <master>');
      const lines = (reply: RespValue) =>
        'items' in reply ? reply.items.map(text).flatMap(nodeLines) : [];
      expect(lines(ours)).toEqual(lines(theirs));
      expect(lines(ours)).toHaveLength(1);
      const [refused, theirRefusal] = await both(node, protocol, 'CLUSTER REPLICAS <replica>');
      expect(drawn(refused)).toEqual(drawn(theirRefusal));
    });

    test('CLUSTER SHARDS', async () => {
      const [ours, theirs] = await both(node, protocol, 'CLUSTER SHARDS');
      // Proxies do not know the offsets of other proxies' servers.
      const comparable = (reply: RespValue) =>
        JSON.stringify(drawn(reply)).replaceAll(
          /("bulk replication-offset"),"integer \d+"/g,
          '$1,"integer"',
        );
      expect(comparable(ours)).toBe(comparable(theirs));
    });

    test('CLUSTER INFO', async () => {
      const [ours, theirs] = await both(node, protocol, 'CLUSTER INFO');
      const fields = (reply: RespValue) =>
        text(reply)
          .split('\r\n')
          .filter((line) => !/^cluster_stats_messages_\w+_\w+:|_epoch:/.test(line))
          .map((line) => line.replace(/^(cluster_stats_messages_\w+):\d+$/, '$1'));
      expect(ours.type).toBe(theirs.type);
      expect(fields(ours)).toEqual(fields(theirs));
    });

    test('CLUSTER LINKS has the form of a list', async () => {
      const [ours, theirs] = await both(node, protocol, 'CLUSTER LINKS');
      expect(ours).toEqual({ type: 'array', items: [] });
      expect(theirs.type).toBe('array');
    });
  });
});
