import { encodeCommand } from '@undermoon/resp';
import { idOfName, isLearnedName } from '../core/command-names.ts';
import { writeCommandReply, writeDocsReply } from '../core/command-reply.ts';
import { elementsOf } from '../core/fan-out.ts';
import { connectionsTo, FanOutCall } from './fan-out-call.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

/** COMMAND and its subcommands: of the proxy, and of its servers what only they know. */
export function commandCommand(client: Client, args: readonly Buffer[]): void {
  if (isForwardedQuestion(client, args)) return;
  if (wordAt(args, 1) === 'docs') {
    docs(client, args.slice(2));
    return;
  }
  const { context, session } = client;
  const { learned } = context;
  const answer = (): Buffer =>
    // Clients ask for the whole list when they connect.
    args.length === 1
      ? learned.commandList(context, session.protocol)
      : written(client, (writer) => writeCommandReply(writer, args, learned.byName));
  const done = (): void => client.replyDeferred(answer());
  const isAsked = isAboutAll(args)
    ? learned.learnAll(context, done)
    : wordAt(args, 1) === 'info' && learned.learn(context, unknownOf(args.slice(2)), done);
  if (isAsked) client.deferReply();
  else client.reply(answer());
}

/** COMMAND DOCS [name…]: a server describes what only the servers know. */
function docs(client: Client, names: readonly Buffer[]): void {
  const { learned } = client.context;
  const { context } = client;
  const done = (): void => describe(client, names, true);
  const isAsked =
    names.length === 0
      ? learned.learnAll(context, done)
      : learned.learn(context, unknownOf(names), done);
  if (isAsked) client.deferReply();
  else describe(client, names, false);
}

function describe(client: Client, names: readonly Buffer[], isDeferred: boolean): void {
  const { learned, servers } = client.context;
  const unknown =
    names.length > 0
      ? unknownOf(names).filter((name) => isLearnedName(learned.byName, name))
      : [...learned.byName.keys()].filter((name) => !name.includes('|'));
  const answer = (replies: readonly Buffer[]): Buffer =>
    written(client, (writer) => writeDocsReply(writer, names, replies.flatMap(elementsOf)));
  const parts =
    unknown.length === 0 || client.isClosed
      ? []
      : [{ target: 0, command: encodeCommand(['COMMAND', 'DOCS', ...unknown]), keys: [] }];
  const finish = {
    atOnce: (replies: readonly Buffer[]) => client.reply(answer(replies)),
    later: (replies: readonly Buffer[]) => client.replyDeferred(answer(replies)),
  };
  new FanOutCall(client, parts, finish, connectionsTo(client, servers, parts)).start(isDeferred);
}

function isAboutAll(args: readonly Buffer[]): boolean {
  const word = wordAt(args, 1);
  return (
    args.length === 1 ||
    word === 'count' ||
    word === 'list' ||
    (word === 'info' && args.length === 2)
  );
}

/** What a server answers: COMMAND GETKEYS of a command that only the servers know, and who is of a module. */
function isForwardedQuestion(client: Client, args: readonly Buffer[]): boolean {
  const [server] = client.context.servers;
  const isAboutKeys =
    wordAt(args, 1).startsWith('getkeys') &&
    args.length > 2 &&
    unknownOf(args.slice(2, 3)).length > 0;
  const isAboutModule =
    args.length === 5 &&
    ['list', 'filterby', 'module'].every((word, i) => wordAt(args, i + 1) === word);
  if ((!isAboutKeys && !isAboutModule) || server === undefined) return false;
  const frame = encodeCommand(args);
  return client.forward(client.backendOf(server), 1, frame, 0, frame.length);
}

/** Names that are none of the proxy's table, in lower case. */
function unknownOf(names: readonly Buffer[]): readonly string[] {
  return names
    .filter((name) => idOfName(name) < 0)
    .map((name) => name.toString('latin1').toLowerCase());
}

function wordAt(args: readonly Buffer[], index: number): string {
  return args[index]?.toString('latin1').toLowerCase() ?? '';
}
