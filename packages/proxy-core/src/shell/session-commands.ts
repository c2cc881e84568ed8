import { integerOf } from '../core/command-argument.ts';
import { writeHelpReply } from '../core/command-reply.ts';
import { arityReply, errorReply, REPLY_OK, REPLY_PONG, REPLY_RESET } from '../core/replies.ts';
import { aclCommand } from './acl-commands.ts';
import { auth, hello } from './auth-commands.ts';
import { clientCommand } from './client-command.ts';
import { commandCommand } from './command-questions.ts';
import { latencyCommand } from './latency-commands.ts';
import type { Client } from './proxy-context.ts';
import { pubsubCommand } from './pubsub-state-command.ts';
import { setReadonly } from './readonly-mode.ts';
import { clusterCommand } from './slot-commands.ts';
import { askFirst, functionCommand, scriptCommand } from './script-commands.ts';
import { lolwut, memoryCommand, time } from './server-answers.ts';
import { endTracking } from './tracking-commands.ts';
import { slowLogCommand } from './slow-log-commands.ts';
import { endWatch } from './watch-commands.ts';
import { written } from './written.ts';

type Handler = (client: Client, args: readonly Buffer[]) => void;

const BEYOND_INT32 = 'ERR value is out of range, value must between -2147483648 and 2147483647';
const EMPTY = Buffer.alloc(0);
const OPEN_COMMANDS: ReadonlySet<string> = new Set(['auth', 'hello', 'quit', 'reset', 'umctl']);

const CONTROL_COMMANDS: ReadonlySet<string> = new Set([
  'umctl',
  'cluster',
  'config',
  'info',
  'role',
  'lastsave',
]);

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['ping', ping],
  ['echo', echo],
  ['select', select],
  ['quit', quit],
  ['reset', reset],
  ['auth', auth],
  ['hello', hello],
  ['client', clientCommand],
  ['pubsub', pubsubCommand],
  ['readonly', (client) => mode(client, true)],
  ['readwrite', (client) => mode(client, false)],
  ['unwatch', unwatch],
  ['asking', (client) => client.reply(REPLY_OK)],
  ['command', commandCommand],
  ['cluster', clusterCommand],
  ['script', (client, args) => (isHelp(args) ? help : scriptCommand)(client, args)],
  ['function', (client, args) => (isHelp(args) ? help : functionCommand)(client, args)],
  ['slowlog', (client, args) => (isHelp(args) ? help : slowLogCommand)(client, args)],
  ['latency', (client, args) => (isHelp(args) ? help : latencyCommand)(client, args)],
  ['acl', (client, args) => (isHelp(args) ? help : aclCommand)(client, args)],
  ['memory', (client, args) => (isHelp(args) ? help : memoryCommand)(client, args)],
  ['module', (client, args) => (isHelp(args) ? help : askFirst)(client, args)],
  ['monitor', monitor],
  ['time', time],
  ['lolwut', lolwut],
  // Of these only HELP comes here; their other subcommands go to a Redis server or are refused.
  ['object', help],
  ['xgroup', help],
  ['xinfo', help],
]);

/** Commands that work before AUTH. The coordinator and peer proxies send UMCTL without a password. */
export function isAllowedWithoutPassword(name: string): boolean {
  return OPEN_COMMANDS.has(name);
}

/** Whether a command is for the control side of the proxy. */
export function isControlCommand(name: string): boolean {
  return CONTROL_COMMANDS.has(name);
}

/** Answers a command that never reaches a Redis server; `name` is in lower case, arity is checked. */
export function answerCommand(client: Client, name: string, args: readonly Buffer[]): void {
  const handler = HANDLERS.get(name);
  if (handler !== undefined) handler(client, args);
  else client.context.desk.answer(client, args);
}

function isHelp(args: readonly Buffer[]): boolean {
  return String(args[1]).toLowerCase() === 'help';
}

function help(client: Client, args: readonly Buffer[]): void {
  client.reply(written(client, (writer) => writeHelpReply(writer, args[0] ?? EMPTY)));
}

function ping(client: Client, args: readonly Buffer[]): void {
  const [, message] = args;
  if (args.length > 2) client.reply(arityReply('ping'));
  else if (client.session.isSubscriberOnly) {
    client.reply(
      written(client, (writer) =>
        writer
          .array(2)
          .bulk('pong')
          .bulk(message ?? EMPTY),
      ),
    );
  } else if (message === undefined) client.reply(REPLY_PONG);
  else client.reply(written(client, (writer) => writer.bulk(message)));
}

function echo(client: Client, args: readonly Buffer[]): void {
  const [, message = EMPTY] = args;
  client.reply(written(client, (writer) => writer.bulk(message)));
}

function select(client: Client, args: readonly Buffer[]): void {
  const index = integerOf(args[1] ?? EMPTY);
  if (Number.isNaN(index)) client.reply(errorReply('ERR value is not an integer or out of range'));
  else if (index < -(2 ** 31) || index >= 2 ** 31) client.reply(errorReply(BEYOND_INT32));
  else if (index === 0) client.reply(REPLY_OK);
  else if (client.context.isPlain) client.reply(errorReply('ERR DB index is out of range'));
  else client.reply(errorReply('ERR SELECT is not allowed in cluster mode'));
}

function quit(client: Client): void {
  client.reply(REPLY_OK);
  client.endAfterReplies();
}

function unwatch(client: Client): void {
  if (client.watching !== null) client.whenQuiet(() => endWatch(client, false));
  client.reply(REPLY_OK);
}

function reset(client: Client): void {
  client.whenQuiet(() => {
    endWatch(client, false);
    endTracking(client);
    setReadonly(client, false);
    client.context.pubsub.forget(client);
    client.context.monitor.delete(client);
    client.flushPushes();
    client.session.reset();
    client.setReplies('reset');
    client.reply(REPLY_RESET);
  });
}

function monitor(client: Client): void {
  client.session.isMonitor = true;
  client.reply(REPLY_OK);
  client.context.monitor.add(client);
}

function mode(client: Client, isReadonly: boolean): void {
  setReadonly(client, isReadonly);
  client.reply(REPLY_OK);
}
