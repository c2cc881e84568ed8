import process from 'node:process';
import { integerOf } from '../core/command-argument.ts';
import { REDIS_VERSION } from '../core/info.ts';
import { errorReply, REPLY_OK } from '../core/replies.ts';
import { version } from '../version.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');
const NO_MALLOC_STATS = 'Stats not supported for the current allocator';
const HEALTHY =
  "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n";

/** TIME: of the proxy's clock. */
export function time(client: Client): void {
  const nowMs = client.context.clock.now();
  const seconds = Math.floor(nowMs / 1000);
  const micros = Math.floor((nowMs - seconds * 1000) * 1000);
  client.reply(written(client, (writer) => writer.array(2).bulk(`${seconds}`).bulk(`${micros}`)));
}

/** LOLWUT: the versions, without a drawing. */
export function lolwut(client: Client, args: readonly Buffer[]): void {
  const [, option, given] = args;
  const isVersion = option !== undefined && String(option).toLowerCase() === 'version';
  if (isVersion && given !== undefined && Number.isNaN(integerOf(given))) {
    client.reply(NOT_AN_INTEGER);
  } else {
    const text = `undermoon ver. ${version}\nRedis ver. ${REDIS_VERSION}\n`;
    client.reply(written(client, (writer) => writer.verbatim('txt', text)));
  }
}

/** MEMORY, of the proxy's process; MEMORY USAGE goes to the server of its key. */
export function memoryCommand(client: Client, args: readonly Buffer[]): void {
  switch (String(args[1]).toLowerCase()) {
    case 'doctor':
      client.reply(written(client, (writer) => writer.verbatim('txt', HEALTHY)));
      break;
    case 'malloc-stats':
      client.reply(written(client, (writer) => writer.verbatim('txt', NO_MALLOC_STATS)));
      break;
    case 'purge':
      client.reply(REPLY_OK);
      break;
    default:
      memoryStats(client);
  }
}

/** The fields of Redis that a process without data has. */
function memoryStats(client: Client): void {
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  const used = heapUsed + external;
  const fields: readonly (readonly [string, number])[] = [
    ['peak.allocated', Math.max(used, process.resourceUsage().maxRSS * 1024)],
    ['total.allocated', used],
    ['startup.allocated', 0],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', 0],
    ['aof.buffer', 0],
    ['overhead.total', used],
    ['keys.count', 0],
    ['keys.bytes-per-key', 0],
    ['dataset.bytes', 0],
    ['allocator.allocated', heapUsed],
    ['allocator.active', heapTotal],
    ['allocator.resident', rss],
  ];
  client.reply(
    written(client, (writer) => {
      writer.map(fields.length);
      for (const [name, value] of fields) writer.bulk(name).integer(value);
    }),
  );
}
