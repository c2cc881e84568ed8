// CLIENT UNBLOCK for commands whose connection to the server is still being made.
import { encodeCommand, textOf } from '@undermoon/resp';
import {
  type FaultRelay,
  RawClient,
  type RedisServer,
  startFaultRelay,
  startRedis,
} from '@undermoon/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer } from '../src/index.ts';
import { ALL_SLOTS, setCluster } from './fixture.ts';

let redis: RedisServer;
let relay: FaultRelay;
let proxy: ProxyServer;

beforeEach(async () => {
  redis = await startRedis();
  relay = await startFaultRelay({ target: redis });
  proxy = createProxyServer({ address: '127.0.0.1:0' });
  await proxy.listen();
  await setCluster(proxy, [[relay.address, ALL_SLOTS]]);
});
afterEach(async () => {
  proxy.destroy();
  await relay.close();
  await redis.stop();
});

async function ask(client: RawClient, ...words: readonly string[]): Promise<string> {
  const reply = await client.command(...words);
  return textOf(reply) ?? ('value' in reply ? String(reply.value) : reply.type);
}

/** A client whose command is on its way to a server that says nothing yet, and two that have asked to end it. */
async function frozenWait(command: readonly string[]): Promise<readonly RawClient[]> {
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(proxy.address)));
  const [waiting, first, second] = clients;
  const id = await ask(waiting!, 'CLIENT', 'ID');
  relay.freeze(['down']);
  await waiting!.send(encodeCommand(command));
  await expect.poll(() => ask(first!, 'CLIENT', 'LIST', 'ID', id)).toContain(' flags=b ');
  await Promise.all(
    [first, second].map((client) =>
      client!.send(encodeCommand(['CLIENT', 'UNBLOCK', id, 'ERROR'])),
    ),
  );
  return clients;
}

test.each([
  [['BLPOP', 'a', '0']],
  [['XREAD', 'BLOCK', '0', 'STREAMS', 'a', '$']],
  [['WAIT', '1', '0']],
])('%j ends as soon as the server can be asked', async (command) => {
  const [waiting, ...askers] = await frozenWait(command);
  const answers = askers.map((asker) => asker.reply());
  // One request is enough; the other asker hears so at once.
  expect(await Promise.race(answers)).toMatchObject({ value: 0 });
  relay.thaw();
  const all = await Promise.all(answers);
  expect(all.filter((reply) => 'value' in reply && reply.value === 1)).toHaveLength(1);
  const ended = await waiting!.reply();
  expect(ended.type === 'error' && ended.value).toMatch(/^UNBLOCKED client unblocked/);
  expect(await ask(waiting!, 'PING')).toBe('PONG');
  await Promise.all([waiting, ...askers].map((client) => client!.close()));
});

test('a command whose connection never comes about is not ended by the request', async () => {
  const [waiting, ...askers] = await frozenWait(['BLPOP', 'a', '0']);
  const answers = askers.map((asker) => asker.reply());
  expect(await Promise.race(answers)).toMatchObject({ value: 0 });
  await waiting!.close();
  expect(await Promise.all(answers)).toMatchObject([{ value: 0 }, { value: 0 }]);
  await Promise.all(askers.map((client) => client.close()));
});
