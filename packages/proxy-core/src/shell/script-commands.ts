import { createHash } from 'node:crypto';
import { encodeCommand } from '@undermoon/resp';
import { elementsOf, firstOf, type Merge, unlessError } from '../core/fan-out.ts';
import { REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { sendParts } from './fan-out-call.ts';
import type { Client } from './proxy-context.ts';
import { forgetScriptsEverywhere, noteLoadedEverywhere } from './script-broadcast.ts';
import { loadInto } from './script-loading.ts';
import { connectionFor } from './server-connection.ts';

const DOLLAR = 0x24;
const PLUS = 0x2b;
const YES = ':1\r\n';
const NO = ':0\r\n';

/** The error of one server counts more than what the others say. */
const ALIKE: Merge = unlessError(firstOf);

/** Whether a container's commands are carried out by all servers behind the proxy. */
export function isForServers(name: string): boolean {
  return name === 'script' || name === 'function';
}

/** Sends a script that EVALSHA names ahead of it, if the local server `target` lacks it. */
export function loadMissing(client: Client, target: number, digest: string): void {
  const group = client.context.groups[target];
  if (group === undefined) return;
  loadInto(client, group, connectionFor(client, group), digest);
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
      askAll(client, args, (parts, replies) => {
        const reply = ALIKE(parts, replies);
        if (reply[0] === DOLLAR) noteLoaded(client, args[2] ?? Buffer.alloc(0));
        return reply;
      });
      break;
    case 'exists':
      askAll(
        client,
        args,
        unlessError((_, replies) => existing(client, args.slice(2), replies)),
      );
      break;
    case 'flush':
      askAll(client, args, (parts, replies) => {
        const reply = ALIKE(parts, replies);
        if (reply[0] === PLUS) forgetScriptsEverywhere(client.context);
        return reply;
      });
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
  else askAll(client, args, ALIKE);
}

function noteLoaded({ context }: Client, body: Buffer): void {
  const digest = createHash('sha1').update(body).digest('hex');
  noteLoadedEverywhere(context, digest, body);
}

/** A script counts as there if it can be loaded when it is needed. */
function existing(client: Client, digests: readonly Buffer[], replies: readonly Buffer[]): Buffer {
  const lists = replies.map((reply) => elementsOf(reply).map(String));
  const lines = digests.map((digest, i) => {
    const isKnown = client.context.scripts.has(String(digest).toLowerCase());
    return isKnown || lists.every((list) => list[i] === YES) ? YES : NO;
  });
  return Buffer.from(`*${digests.length}\r\n${lines.join('')}`);
}

/** Over connections that no script keeps busy. The server that runs one decides the answer. */
function kill(client: Client, args: readonly Buffer[]): void {
  const { dedicated } = client.context;
  const merge: Merge = (parts, replies) =>
    replies.find((reply) => reply[0] === PLUS) ?? ALIKE(parts, replies);
  askAll(client, args, merge, ({ address }) => dedicated.control(address));
}

function askAll(
  client: Client,
  args: readonly Buffer[],
  merge: Merge,
  connectionOf?: (group: BackendGroup) => BackendConnection,
): void {
  const { servers } = client.context;
  const command = encodeCommand(args);
  if (servers.length === 0) client.reply(REPLY_SLOT_DOWN);
  else {
    const parts = servers.map((_, target) => ({ target, command, keys: [] }));
    sendParts(client, parts, merge, connectionOf);
  }
}

function askFirst(client: Client, args: readonly Buffer[]): void {
  const [group] = client.context.servers;
  const command = encodeCommand(args);
  if (group === undefined) client.reply(REPLY_SLOT_DOWN);
  else if (!client.forward(client.backendOf(group), 1, command, 0, command.length)) {
    client.reply(unreachableReply(group.address));
  }
}
