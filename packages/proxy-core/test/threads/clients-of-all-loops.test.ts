// Commands about clients and scripts, with clients on several event loops.
import { createHash } from 'node:crypto';
import { encodeCommand, textOf as valueText } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { transcript } from '../reference.ts';
import { ALL_SLOTS, type Fixture, startFixture } from '../fixture.ts';

const THREADS = 3;
const CLIENTS = 6;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture([ALL_SLOTS], { threads: THREADS });
});
afterAll(() => fixture.stop());

async function textOf(client: RawClient, line: string): Promise<string> {
  const reply = await client.command(...line.split(' '));
  return valueText(reply) ?? (reply.type === 'error' ? reply.value : reply.type);
}

/** Clients in the order of their numbers; one after another, so that they are on all loops. */
async function connectSix(): Promise<{ clients: RawClient[]; ids: string[] }> {
  const clients: RawClient[] = [];
  const ids: string[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const client = await fixture.connect();
    ids.push(await textOf(client, 'CLIENT ID'));
    clients.push(client);
  }
  const info = await textOf(clients[0]!, 'INFO');
  const counts = [...info.matchAll(/loop\d:clients=(\d+)/g)].map(([, count]) => Number(count));
  expect(counts).toHaveLength(THREADS);
  for (const count of counts) expect(count).toBeGreaterThan(0);
  return { clients, ids };
}

async function end(clients: readonly RawClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
}

function idsIn(list: string): string[] {
  return [...list.matchAll(/^id=(\d+) /gm)].map(([, id = '']) => id);
}

test('LIST shows the clients of all loops, whoever asks', async () => {
  const { clients, ids } = await connectSix();
  for (const [i, client] of clients.entries()) {
    const list = await textOf(client, 'CLIENT LIST');
    expect(idsIn(list)).toEqual(ids);
    expect(/^id=(\d+) .*cmd=client\|list/m.exec(list)?.[1]).toBe(ids[i]);
    const wanted = [ids[4], ids[1], ids[4]];
    expect(idsIn(await textOf(client, `CLIENT LIST ID ${wanted.join(' ')} 999`))).toEqual(wanted);
  }
  await end(clients);
});

test('KILL closes clients of all loops and counts them; the asker goes last', async () => {
  const { clients, ids } = await connectSix();
  expect(await textOf(clients[0]!, `CLIENT KILL ID ${ids[5]}`)).toBe('1');
  await clients[5]!.closed;
  const [, address] = / addr=(\S+)/.exec(await textOf(clients[4]!, 'CLIENT INFO')) ?? [];
  expect(await textOf(clients[1]!, `CLIENT KILL ${address}`)).toBe('OK');
  await clients[4]!.closed;
  expect(await textOf(clients[1]!, `CLIENT KILL ${address}`)).toBe('ERR No such client');
  // What comes behind it is not carried out.
  await clients[2]!.send(
    Buffer.concat([
      encodeCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no']),
      encodeCommand(['SET', 'behind', '1']),
    ]),
  );
  await Promise.all(clients.map((client) => client.closed));
  expect(clients[2]!.receivedBytes.toString()).toMatch(/:4\r\n$/);
  const later = await fixture.connect();
  expect(await textOf(later, 'EXISTS behind')).toBe('0');
  await end([later]);
});

test('PAUSE holds clients of all loops before it is answered, UNPAUSE lets all go', async () => {
  const { clients } = await connectSix();
  const asker = clients[1]!;
  expect(await transcript(asker, ['CLIENT PAUSE 100000 WRITE'])).toEqual([
    'CLIENT PAUSE 100000 WRITE -> +OK\r\n',
  ]);
  const others = clients.filter((client) => client !== asker);
  await Promise.all(others.map((client) => client.send(encodeCommand(['INCR', 'paused']))));
  await expect
    .poll(() => textOf(asker, 'INFO clients'))
    .toContain(`blocked_clients:${others.length}\r\n`);
  expect(await textOf(asker, 'EXISTS paused')).toBe('0');
  expect(await textOf(asker, 'CLIENT UNPAUSE')).toBe('OK');
  await Promise.all(others.map((client) => client.reply()));
  expect(await textOf(asker, 'GET paused')).toBe(`${others.length}`);
  await end(clients);
});

test('UNBLOCK ends the wait of a client on another loop', async () => {
  const { clients, ids } = await connectSix();
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  for (const [i, blocked] of clients.entries()) {
    const asker = clients[(i + 1) % CLIENTS]!;
    await blocked.send(encodeCommand(['BLPOP', `waiting${i}`, '0']));
    // The proxy says so as soon as it has the command, which then is on its way.
    await expect.poll(() => textOf(server, 'INFO clients')).toContain('blocked_clients:1\r\n');
    expect(await textOf(asker, `CLIENT UNBLOCK ${ids[i]} ERROR`)).toBe('1');
    expect(await blocked.reply()).toMatchObject({
      value: 'UNBLOCKED client unblocked via CLIENT UNBLOCK',
    });
    expect(await textOf(asker, `CLIENT UNBLOCK ${ids[i]}`)).toBe('0');
  }
  expect(await textOf(clients[0]!, 'CLIENT UNBLOCK 999')).toBe('0');
  await end(clients);
});

test('commands of the control side and about clients work in a transaction on every loop', async () => {
  const { clients, ids } = await connectSix();
  const lines = [
    'INCR n',
    'CONFIG GET maxclients',
    'CLUSTER KEYSLOT foo',
    'UMCTL GETEPOCH',
    'INFO clients',
    'CLIENT LIST ID 999',
    'CLIENT UNBLOCK 999',
    'CLIENT KILL ID 999',
    'PING',
  ];
  for (const [i, client] of clients.entries()) {
    await client.command('MULTI');
    for (const line of lines) await client.command(...line.split(' '));
    expect(await client.command('EXEC')).toMatchObject({
      items: [
        { value: i + 1 },
        { items: [{}, {}] },
        { value: 12_182 },
        { value: 1 },
        { type: 'bulk' },
        { value: Buffer.from('') },
        { value: 0 },
        { value: 0 },
        { value: 'PONG' },
      ],
    });
    await client.command('MULTI');
    await client.command('CLIENT', 'LIST');
    const reply = await client.command('EXEC');
    const list = reply.type === 'array' ? reply.items[0] : undefined;
    expect(idsIn(list === undefined ? '' : (valueText(list) ?? ''))).toEqual(ids);
  }
  await end(clients);
});

test('a script that one loop has seen loaded is known to all, until one sees a flush', async () => {
  const { clients } = await connectSix();
  const body = "return 'scripted'";
  const digest = createHash('sha1').update(body).digest('hex');
  const load = await clients[0]!.command('SCRIPT', 'LOAD', body);
  expect(valueText(load)).toBe(digest);
  // A round to all loops: the news is ahead of it.
  await clients[0]!.command('CLIENT', 'LIST');
  await fixture.redis[0]!.restart();
  for (const client of clients) {
    await expect.poll(() => textOf(client, `EVALSHA ${digest} 1 k`)).toBe('scripted');
  }
  expect(await textOf(clients[2]!, 'SCRIPT FLUSH')).toBe('OK');
  await clients[2]!.command('CLIENT', 'LIST');
  for (const client of clients) {
    expect(await textOf(client, `EVALSHA ${digest} 1 k`)).toContain('NOSCRIPT');
  }
  await end(clients);
});

test('a client that moves to another loop is listed once, at any time', async () => {
  const moving = await startFixture([ALL_SLOTS], { threads: 2, spreadClients: 'when-needed' });
  const asker = await moving.connect();
  const askerId = await textOf(asker, 'CLIENT ID');
  for (let i = 0; i < 20; i++) {
    const client = await moving.connect();
    const id = await textOf(client, 'CLIENT ID');
    const count = 40;
    const replies = client.replies(count);
    await client.send(
      Buffer.concat(Array.from({ length: count }, () => encodeCommand(['INCR', 'n']))),
    );
    const lists = asker.replies(10);
    for (let n = 0; n < 10; n++) await asker.send(encodeCommand(['CLIENT', 'LIST']));
    for (const list of await lists) expect(idsIn(valueText(list) ?? '')).toEqual([askerId, id]);
    await replies;
    expect(await textOf(asker, `CLIENT KILL ID ${id}`)).toBe('1');
    await client.closed;
  }
  await asker.close();
  await moving.stop();
});
