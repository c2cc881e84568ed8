import { encodeCommand, type RespValue } from '@undermoon/resp';
import { keySlotOf } from '@undermoon/slots';
import { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { startFixture } from './fixture.ts';

const SEED = Number(process.env['PROXY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const CLIENTS = 12;
const BATCHES = 40;

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Request {
  readonly bytes: Buffer;
  readonly isExpected: (reply: RespValue) => boolean;
}

/** A request with exactly one right answer, which no other request of the run shares. */
function randomRequest(pick: (below: number) => number, token: string): Request {
  const is = (value: string) => (reply: RespValue) =>
    (reply.type === 'bulk' || reply.type === 'simple') && reply.value.toString() === value;
  const key = `key:${pick(200)}`;
  const size = pick(20) === 0 ? 100_000 + pick(200_000) : pick(200);
  const value = `${token}:${'x'.repeat(size)}`;
  switch (pick(8)) {
    case 0:
      return { bytes: encodeCommand(['PING', token]), isExpected: is(token) };
    case 1:
      return { bytes: Buffer.from(`ECHO ${token}\r\n`), isExpected: is(token) };
    case 2: {
      const isExpected = (reply: RespValue): boolean =>
        reply.type === 'integer' && reply.value === keySlotOf(token);
      return { bytes: encodeCommand(['CLUSTER', 'KEYSLOT', token]), isExpected };
    }
    case 3:
      return { bytes: encodeCommand([token]), isExpected: (reply) => reply.type === 'error' };
    default: {
      const script = 'return ARGV[1]';
      return { bytes: encodeCommand(['EVAL', script, '1', key, value]), isExpected: is(value) };
    }
  }
}

function isHonestFailure(reply: RespValue): boolean {
  return (
    reply.type === 'error' &&
    /^(CLUSTERDOWN |ERR connection to .* was lost|ERR no reply from )/.test(reply.value)
  );
}

test(
  `no reply is ever delivered to the wrong request, whatever breaks (PROXY_SEED=${SEED})`,
  { timeout: 60_000 },
  async () => {
    const pick = seeded(SEED);
    const fixture = await startFixture(['0-8191', '8192-16383'], { backendRetryDelayMs: 1 });
    const killers = await Promise.all(
      fixture.redis.map((server) => RawClient.connect(server.address)),
    );
    const counts = { right: 0, failed: 0, closed: 0 };
    const kills: Promise<unknown>[] = [];
    const kill = (server: number): void => {
      const killed = killers[server]?.command('CLIENT', 'KILL', 'TYPE', 'normal');
      if (killed !== undefined) kills.push(killed);
    };

    const runClient = async (c: number): Promise<void> => {
      let client = await fixture.connect();
      for (let batch = 0; batch < BATCHES; batch++) {
        const requests = Array.from({ length: 1 + pick(60) }, (_, i) =>
          randomRequest(pick, `t-${c}-${batch}-${i}`),
        );
        if (pick(6) === 0) await client.command('HELLO', pick(2) === 0 ? '2' : '3');
        const replies = requests.map(() => client.reply());
        for (const reply of replies) reply.catch(() => undefined);
        const bytes = Buffer.concat(requests.map((request) => request.bytes));
        const cut = pick(bytes.length);
        await client.send(bytes.subarray(0, cut));
        await client.send(bytes.subarray(cut));
        if (pick(4) === 0) kill(pick(2));
        if (pick(12) === 0) {
          // A client that leaves with replies under way must not disturb anybody.
          client.reset();
          client = await fixture.connect();
          continue;
        }
        const results = await Promise.allSettled(replies);
        for (const [i, result] of results.entries()) {
          if (result.status === 'rejected') counts.closed++;
          else if (requests[i]?.isExpected(result.value)) counts.right++;
          else if (isHonestFailure(result.value)) counts.failed++;
          else {
            const got = JSON.stringify(result.value).slice(0, 200);
            throw new Error(`client ${c}, batch ${batch}, request ${i}: wrong reply ${got}`);
          }
        }
        if (results.some((result) => result.status === 'rejected'))
          client = await fixture.connect();
      }
      await client.close();
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, c) => runClient(c)));

    expect(counts.right).toBeGreaterThan(CLIENTS * BATCHES);
    expect(counts.failed + counts.closed).toBeGreaterThan(0);
    await expect.poll(() => fixture.proxy.clientCount).toBe(0);
    await Promise.all(kills);
    await Promise.all(killers.map((killer) => killer.close()));
    await fixture.stop();
  },
);
