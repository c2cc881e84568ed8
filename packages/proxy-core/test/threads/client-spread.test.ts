import { encodeCommand } from '@undermoon/resp';
import type { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer } from '../../src/index.ts';
import { ALL_SLOTS, startFixture } from '../fixture.ts';

const WHEN_NEEDED = { threads: 2, spreadClients: 'when-needed' } as const;

async function textOf(client: RawClient, ...words: string[]): Promise<string> {
  const reply = await client.command(...words);
  return 'value' in reply ? String(reply.value) : reply.type;
}

/** Sends many increments at once; the last reply. */
async function pipeline(client: RawClient, count: number, key: string): Promise<unknown> {
  const replies = client.replies(count);
  await client.send(
    Buffer.concat(Array.from({ length: count }, () => encodeCommand(['INCR', key]))),
  );
  return (await replies).at(-1);
}

/** The clients of the loop that accepts. */
async function firstLoopClients(client: RawClient): Promise<number> {
  return Number(/loop0:clients=(\d+)/.exec(await textOf(client, 'INFO'))?.[1]);
}

test('clients that pipeline move to other loops with their sessions, the others stay', async () => {
  const fixture = await startFixture([ALL_SLOTS], WHEN_NEEDED);
  const idle = await fixture.connect();
  const clients = await Promise.all(Array.from({ length: 6 }, () => fixture.connect()));
  for (const client of clients) await client.command('PING');
  expect(await firstLoopClients(idle)).toBe(7);
  const ids: string[] = [];
  for (const [i, client] of clients.entries()) {
    if (i % 2 === 1) await client.command('HELLO', '3');
    await client.command('CLIENT', 'SETNAME', `client-${i}`);
    ids.push(await textOf(client, 'CLIENT', 'ID'));
    expect(await pipeline(client, 100, `n${i}`)).toMatchObject({ value: 100 });
  }
  expect(await firstLoopClients(idle)).toBe(4);
  for (const [i, client] of clients.entries()) {
    expect(await pipeline(client, 100, `n${i}`)).toMatchObject({ value: 200 });
    const info = await textOf(client, 'CLIENT', 'INFO');
    expect(info).toContain(`id=${ids[i]} `);
    expect(info).toContain(`name=client-${i} `);
    expect(info).toContain(`resp=${i % 2 === 1 ? 3 : 2}`);
  }
  expect(await textOf(idle, 'INFO')).toContain('connected_clients:7');
  await Promise.all([idle, ...clients].map((client) => client.close()));
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
  await fixture.stop();
});

test('what a client sends while it moves is answered in order, however it is cut', async () => {
  const fixture = await startFixture([ALL_SLOTS], WHEN_NEEDED);
  const count = 400;
  const bytes = Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      i % 50 === 49 ? encodeCommand(['ECHO', `${i + 1}`]) : encodeCommand(['INCR', 'KEY']),
    ),
  );
  for (let size = 300; size < 2000; size += 97) {
    const client = await fixture.connect();
    await client.command('DEL', 'KEY');
    const replies = client.replies(count);
    for (let at = 0; at < bytes.length; at += size)
      await client.send(bytes.subarray(at, at + size));
    const values = (await replies).map((reply) => ('value' in reply ? Number(reply.value) : null));
    const expected: number[] = [];
    for (let i = 0, n = 0; i < count; i++) expected.push(i % 50 === 49 ? i + 1 : ++n);
    expect(values).toEqual(expected);
    await client.close();
  }
  await fixture.stop();
});

test('a client with a transaction, watched keys or muted replies stays until that is over', async () => {
  const fixture = await startFixture([ALL_SLOTS], WHEN_NEEDED);
  const idle = await fixture.connect();
  const client = await fixture.connect();
  await client.command('WATCH', 'a');
  expect(await pipeline(client, 50, 'n')).toMatchObject({ value: 50 });
  expect(await firstLoopClients(idle)).toBe(2);
  await client.send(
    Buffer.concat([['MULTI'], ['INCR', 'n'], ['EXEC']].map((words) => encodeCommand(words))),
  );
  expect((await client.replies(3)).at(-1)).toMatchObject({ items: [{ value: 51 }] });
  await Promise.all([client.close(), idle.close()]);
  await fixture.stop();
});

test('a client that goes away while it should move leaves nothing behind', async () => {
  const fixture = await startFixture([ALL_SLOTS], WHEN_NEEDED);
  for (let i = 0; i < 20; i++) {
    const client = await fixture.connect();
    await client.send(
      Buffer.concat(Array.from({ length: 50 }, () => encodeCommand(['INCR', 'n']))),
    );
    if (i % 2 === 0) client.reset();
    else client.end();
    await client.closed;
  }
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
  const last = await fixture.connect();
  expect(await last.command('PING')).toMatchObject({ value: 'PONG' });
  await last.close();
  await fixture.stop();
});

test('a wrong kind of spreading is named', () => {
  const spreadClients = 'sometimes' as 'at-once';
  expect(() => createProxyServer({ spreadClients })).toThrow('spreadClients: expected');
});
