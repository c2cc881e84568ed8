import { setTimeout as wait } from 'node:timers/promises';
import { textOf, type RespValue } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import type { MeasuredProcess } from './measured-process.ts';

const READY_TIMEOUT_MS = 15_000;
/** So much for one command, which a server that has just started may leave without an answer. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Sends one command on a connection of its own. Rejects on an error reply, and when none comes. */
export async function askRedis(port: number, ...words: readonly string[]): Promise<RespValue> {
  await using client = await RawClient.connect({ port });
  const timer = setTimeout(() => void client.close(), ANSWER_TIMEOUT_MS);
  const reply = await client.command(...words).finally(() => clearTimeout(timer));
  if (reply.type === 'error') throw new Error(`${words[0] ?? ''}: ${reply.value}`);
  return reply;
}

/** Polls until a server answers a command, and (when given) with a text that `isReady` takes. */
export async function untilAnswered(
  port: number,
  server: MeasuredProcess,
  words: readonly string[],
  isReady: (text: string) => boolean = () => true,
): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      if (isReady(textOf(await askRedis(port, ...words)) ?? '')) return;
    } catch (error) {
      if (performance.now() > deadline) throw notReady(port, server, error);
    }
    if (server.child.exitCode !== null || performance.now() > deadline)
      throw notReady(port, server);
    await wait(5);
  }
}

function notReady(port: number, server: MeasuredProcess, cause?: unknown): Error {
  return new Error(`nothing serves port ${port}; the last output:\n${server.output}`, { cause });
}
