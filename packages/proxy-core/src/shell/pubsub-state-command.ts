import type { RespWriter } from '@undermoon/resp';
import { errorReply } from '../core/replies.ts';
import type { TopicKind } from '../core/subscriptions.ts';
import { askLoops } from './ask-loops.ts';
import { integerBytes } from './publish-command.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

const HELP: readonly string[] = [
  'PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'CHANNELS [<pattern>]',
  "    Return the currently active channels matching a <pattern> (default: '*').",
  'NUMPAT',
  '    Return number of subscriptions to patterns.',
  'NUMSUB [<channel> ...]',
  '    Return the number of subscribers for the specified channels, excluding',
  '    pattern subscriptions(default: no channels).',
  'SHARDCHANNELS [<pattern>]',
  "    Return the currently active shard level channels matching a <pattern> (default: '*').",
  'SHARDNUMSUB [<shardchannel> ...]',
  '    Return the number of subscribers for the specified shard level channel(s)',
  'HELP',
  '    Prints this help.',
];

/** PUBSUB: who subscribed through this proxy, on any of its event loops. */
export function pubsubCommand(client: Client, args: readonly Buffer[]): void {
  const [, subcommand = Buffer.alloc(0), ...words] = args;
  const given = String(subcommand);
  switch (given.toLowerCase()) {
    case 'channels':
      return listTopics(client, 'channel', given, words);
    case 'shardchannels':
      return listTopics(client, 'shard', given, words);
    case 'numsub':
      return countSubscribers(client, 'channel', words);
    case 'shardnumsub':
      return countSubscribers(client, 'shard', words);
    case 'numpat':
      return askLoops(client, { kind: 'topics', of: 'pattern', pattern: null }, ({ topics }) =>
        integerBytes(topics.length),
      );
    default:
      client.reply(written(client, writeHelp));
  }
}

function listTopics(
  client: Client,
  kind: TopicKind,
  given: string,
  words: readonly Buffer[],
): void {
  if (words.length > 1) {
    const text = `unknown subcommand or wrong number of arguments for '${given.slice(0, 128)}'`;
    client.reply(errorReply(`ERR ${text}. Try PUBSUB HELP.`));
    return;
  }
  const pattern = words[0]?.toString('latin1') ?? null;
  askLoops(client, { kind: 'topics', of: kind, pattern }, ({ topics }) =>
    written(client, (writer) => {
      writer.array(topics.length);
      for (const name of topics) writer.bulk(Buffer.from(name, 'latin1'));
    }),
  );
}

function countSubscribers(client: Client, kind: TopicKind, words: readonly Buffer[]): void {
  const names = words.map((word) => word.toString('latin1'));
  askLoops(client, { kind: 'subscribers', of: kind, names }, ({ counts }) =>
    written(client, (writer) => {
      writer.array(2 * words.length);
      words.forEach((word, i) => writer.bulk(word).integer(counts[i] ?? 0));
    }),
  );
}

function writeHelp(writer: RespWriter): void {
  writer.array(HELP.length);
  for (const line of HELP) writer.simple(line);
}
