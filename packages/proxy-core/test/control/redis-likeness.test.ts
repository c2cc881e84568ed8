import { startRedis, type RedisServer } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProxyControl } from '../../src/shell/admin.ts';
import { askControl, controlAt } from './control-fixture.ts';
import { RedisProbe } from './redis-probe.ts';

// The same cluster twice: a real server in cluster mode, and a proxy that announces the same address.
let redis: RedisServer;
let probe: RedisProbe;
let probe3: RedisProbe;
let control: ProxyControl;

beforeAll(async () => {
  redis = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  });
  probe = await RedisProbe.open(redis.port);
  probe3 = await RedisProbe.open(redis.port);
  await probe3.ask(['HELLO', '3']);
  const slots = ['0', '100', '200', '200', '300', '999'];
  await accepted(probe.ask(['CLUSTER', 'ADDSLOTSRANGE', ...slots]));
  await accepted(probe.ask(['CLUSTER', 'SET-CONFIG-EPOCH', '1']));
  control = controlAt(redis.address);
  const words = 'UMCTL SETCLUSTER v2 1 NOFLAG c 127.0.0.1:1 2 0-100 200-200 127.0.0.1:2 1 300-999';
  await accepted(askControl(control, words.split(' ')));
});

async function accepted(reply: string | Promise<string>): Promise<void> {
  const text = await reply;
  if (text !== '+OK\r\n') throw new Error(text);
}

afterAll(async () => {
  probe.close();
  probe3.close();
  control.destroy();
  await redis.stop();
});

/** Both replies, with what must differ (the node's id) made equal. */
async function both(line: string, protocol: 2 | 3): Promise<{ ours: string; theirs: string }> {
  const words = line.split(' ');
  const theirs = await (protocol === 2 ? probe : probe3).ask(words);
  const ours = askControl(control, words, protocol);
  return { ours: withoutIds(ours), theirs: withoutIds(theirs) };
}

function withoutIds(reply: string): string {
  return reply.replaceAll(/[0-9a-f]{40}/g, '<id>');
}

describe.each([2, 3] as const)('RESP%i: as Redis answers', (protocol) => {
  test.each([
    'CLUSTER NODES',
    'CLUSTER SLOTS',
    'CLUSTER SHARDS',
    'CLUSTER INFO',
    'CLUSTER MYID',
    'CLUSTER LINKS',
    'CLUSTER KEYSLOT {user1000}.following',
    'CLUSTER',
    'CLUSTER NOSUCH',
    'CLUSTER NOSUCH with arguments',
    'CLUSTER KEYSLOT',
    'CLUSTER KEYSLOT a b',
    'CLUSTER NODES x',
    'CLUSTER SLOTS x',
    'CLUSTER MYID x',
    'CLUSTER REPLICAS abc',
    'CLUSTER SLAVES abc',
    'CLUSTER REPLICAS',
    'CONFIG',
    'CONFIG NOSUCH',
    'CONFIG GET',
    'CONFIG GET save',
    'CONFIG GET SAVE',
    'CONFIG GET appendonly',
    'CONFIG GET maxclients',
    'CONFIG GET no-such-parameter',
    'CONFIG GET maxc[k-m]ients',
    'CONFIG GET notify-keyspace-event? notify-keyspace-events',
    'CONFIG SET',
    'CONFIG SET maxclients',
    'CONFIG SET maxclients 1 maxclients',
    'CONFIG SET nosuch 1',
    'CONFIG SET n\u0000o \xff',
    'CLUSTER REPLICAS a\u0000b\xff',
    'CLUSTER SLAVES \xff\r\n',
    'CONFIG SET maxclients abc',
    'CONFIG SET maxclients 0',
    'CONFIG SET maxclients 100000000000000000000',
    'CONFIG SET maxclients 100 maxclients 200',
    'CONFIG SET maxclients 100',
    'CONFIG GET maxclients',
    'CONFIG SET cluster-enabled no',
    'CONFIG SET maxclients 10000',
    'CONFIG RESETSTAT',
    'CONFIG RESETSTAT x',
    'CONFIG REWRITE',
    'INFO nosuch',
    'INFO cluster',
  ])('%s', async (line) => {
    const { ours, theirs } = await both(line, protocol);
    expect(ours).toBe(theirs);
  });
});
