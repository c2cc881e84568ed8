import { createHash } from 'node:crypto';
import { encodeCommand } from '@undermoon/resp';
import { REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { Client, ProxyContext } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';
import { loadInto } from './script-loading.ts';

const LINE_END = '\r\n';

/** What the replies of the servers, in the order of their arrival, come to. */
type Combine = (answers: readonly string[]) => string;

/** Whether a container's commands are carried out by all servers behind the proxy. */
export function isForServers(name: string): boolean {
  return name === 'script' || name === 'function';
}

/** Sends a script that EVALSHA names ahead of it, if the local server `target` lacks it. */
export function loadMissing(client: Client, target: number, digest: string): void {
  const group = client.context.groups[target];
  if (group === undefined) return;
  const { watching } = client;
  const isWatched = watching !== null && watching.address === group.address;
  loadInto(client, group, isWatched ? watching.connection : client.backendOf(group), digest);
}

/** The same for EXEC: the script is sent ahead of the transaction. */
export function noteScript(client: Client, digest: string): void {
  const { transaction } = client.session;
  if (transaction !== null && client.context.scripts.has(digest)) transaction.scripts.push(digest);
}

/** SCRIPT. */
export function scriptCommand(client: Client, args: readonly Buffer[]): void {
  switch (String(args[1]).toLowerCase()) {
    case 'load':
      askAll(client, args, (answers) => loaded(client, args[2] ?? Buffer.alloc(0), answers));
      break;
    case 'exists':
      askAll(client, args, (answers) => existing(client, args.slice(2), answers));
      break;
    case 'flush':
      askAll(client, args, (answers) => flushed(client, answers));
      break;
    default:
      kill(client, args);
  }
}

/** FUNCTION. */
export function functionCommand(client: Client, args: readonly Buffer[]): void {
  const name = String(args[1]).toLowerCase();
  if (name === 'kill') kill(client, args);
  else if (name === 'list' || name === 'dump' || name === 'stats') askFirst(client, args);
  else askAll(client, args, firstOf);
}

/** The error of one server counts more than what the others say. */
function firstOf(answers: readonly string[]): string {
  return answers.find((answer) => answer.startsWith('-')) ?? answers[0] ?? '';
}

function loaded(client: Client, body: Buffer, answers: readonly string[]): string {
  const answer = firstOf(answers);
  const { scripts, groups } = client.context;
  if (!answer.startsWith('$')) return answer;
  const digest = createHash('sha1').update(body).digest('hex');
  scripts.add(digest, body);
  if (scripts.has(digest)) for (const group of groups) group.scripts.add(digest);
  scripts.compare(groups);
  return answer;
}

function flushed(client: Client, answers: readonly string[]): string {
  const answer = firstOf(answers);
  if (answer.startsWith('-')) return answer;
  forgetScripts(client.context);
  return answer;
}

/** No script is loaded again for the sake of an EVALSHA. */
export function forgetScripts({ scripts, groups }: ProxyContext): void {
  scripts.clear();
  for (const group of groups) group.scripts.clear();
}

/** A script counts as there if it can be loaded when it is needed. */
function existing(client: Client, digests: readonly Buffer[], answers: readonly string[]): string {
  const refusal = answers.find((answer) => !answer.startsWith('*'));
  if (refusal !== undefined) return refusal;
  const lists = answers.map((answer) => answer.split(LINE_END).slice(1));
  const lines = digests.map((digest, i) => {
    const isKnown = client.context.scripts.has(String(digest).toLowerCase());
    return isKnown || lists.every((list) => list[i] === ':1') ? ':1' : ':0';
  });
  return [`*${digests.length}`, ...lines].join(LINE_END);
}

/** Over connections that no script keeps busy. The server that runs one decides the answer. */
function kill(client: Client, args: readonly Buffer[]): void {
  const { dedicated, groups } = client.context;
  const connections = groups.map(({ address }) => dedicated.control(address));
  ask(client, args, connections, (answers) => {
    const done = answers.find((answer) => answer.startsWith('+'));
    return done ?? firstOf(answers);
  });
}

function askAll(client: Client, args: readonly Buffer[], combine: Combine): void {
  const connections = client.context.groups.map((group) => client.backendOf(group));
  ask(client, args, connections, combine);
}

function askFirst(client: Client, args: readonly Buffer[]): void {
  const [group] = client.context.groups;
  const command = encodeCommand(args);
  if (group === undefined) client.reply(REPLY_SLOT_DOWN);
  else if (!client.forward(client.backendOf(group), 1, command, 0, command.length)) {
    client.reply(unreachableReply(group.address));
  }
}

/** Sends a command over each of these connections and answers when all have answered. */
function ask(
  client: Client,
  args: readonly Buffer[],
  connections: readonly BackendConnection[],
  combine: Combine,
): void {
  if (connections.length === 0) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  const command = encodeCommand(args);
  const answers: string[] = [];
  const take = (answer: string): void => {
    answers.push(answer);
    if (answers.length < connections.length) return;
    client.replyDeferred(Buffer.from(`${combine(answers)}${LINE_END}`, 'latin1'));
  };
  client.deferReply();
  for (const connection of connections) {
    const { address } = connection.options;
    const lost = `-ERR connection to ${address} was lost, the command may have been executed`;
    const sink = new ReplyText((text) => take(text ?? lost));
    if (!connection.request(sink, 1, false, command, 0, command.length)) {
      take(unreachableReply(address).toString().trimEnd());
    }
  }
}
