import { unreachableReply } from '../core/replies.ts';
import { forwardOver } from './forward-over.ts';
import { COMMANDS_PROCESSED } from './loop-counters.ts';
import type { Client, Span } from './proxy-context.ts';
import { forwardSampled } from './slow-sampling.ts';

/** Sends `bytes[start, end)`, which hold `count` commands, to the local node `target`. */
export function forwardRun(
  client: Client,
  bytes: Buffer,
  start: number,
  end: number,
  target: number,
  count: number,
): void {
  const { context } = client;
  const group = context.groups[target]!;
  context.counters[COMMANDS_PROCESSED]! += count;
  if (context.counters[COMMANDS_PROCESSED]! >= context.slowLog.nextAt) {
    forwardSampled(client, group, { bytes, start, end }, count);
    return;
  }
  const backend = client.backendOf(group);
  if (forwardOver(client, backend, bytes, start, end, count)) return;
  const error = unreachableReply(group.address);
  for (let i = 0; i < count; i++) client.reply(error);
}

/** While keys are watched, commands for their server go over the connection that watches them, in order. */
export function forwardOne(client: Client, { bytes, start, end }: Span, target: number): void {
  const { watching, tracking, context } = client;
  const isWatched = watching !== null && watching.address === context.groups[target]!.address;
  // All commands of a client that tracks keys go over that connection.
  if (isWatched && tracking === null) {
    if (forwardOver(client, watching.connection, bytes, start, end, 1)) return;
  }
  // It counted when it came.
  context.counters[COMMANDS_PROCESSED]!--;
  forwardRun(client, bytes, start, end, target, 1);
}
