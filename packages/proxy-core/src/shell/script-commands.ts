import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { elementsOf, type FanOutPart, firstOf, type Merge, unlessError } from '../core/fan-out.ts';
import { REPLY_OK, REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import { peerAddressesOf } from '../core/routing-table.ts';
import type { BackendConnection } from './backend-connection.ts';
import { sendParts } from './fan-out-call.ts';
import { forwardOver } from './forward-over.ts';
import type { Client } from './proxy-context.ts';
import { forgetScriptsEverywhere, noteLoadedEverywhere } from './script-broadcast.ts';
import { loadInto } from './script-loading.ts';
import { digestOfScript } from './script-lookup.ts';

const DOLLAR = 0x24;
const PLUS = 0x2b;
const YES = ':1\r\n';
const NO = ':0\r\n';

/** The error of one server counts more than what the others say. */
const ALIKE: Merge = unlessError(firstOf);

/** Whether a container's commands are carried out by the servers behind the proxy: all of them, or any. */
export function isForServers(name: string): boolean {
  return name === 'script' || name === 'function' || name === 'module';
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
      loadEverywhere(client, args.slice(2));
      askAll(client, args, unlessError(onAll));
      break;
    case 'flush':
      flushScripts(client, args, peerAddressesOf(client.context.owners));
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
  noteLoadedEverywhere(context, digestOfScript(body), body);
}

/**
 * SCRIPT FLUSH, of the local servers and of other proxies: a script that one of these kept could be loaded again
 * for the sake of an EVALSHA. Proxies that cannot be reached are left out.
 */
export function flushScripts(
  client: Client,
  args: readonly Buffer[],
  peers: readonly NodeAddress[],
): void {
  const { servers, owners, isPlain, dedicated } = client.context;
  const locals = isPlain ? servers.slice(0, owners.peerStart) : servers;
  const command = encodeCommand(args);
  const peerCommand = encodeCommand(['UMCTL', ...args]);
  const parts = [
    ...locals.map((_, target) => ({ target, command, keys: [] })),
    ...peers.map(() => ({ target: -1, command: peerCommand, keys: [] })),
  ];
  const connections = [
    ...locals.map((group) => client.backendOf(group)),
    ...peers.map((peer) => dedicated.control(peer)),
  ];
  const merge: Merge = (all, replies) => {
    if (locals.length === 0) return REPLY_OK;
    const reply = ALIKE(all, replies.slice(0, locals.length));
    if (reply[0] === PLUS) forgetScriptsEverywhere(client.context);
    return reply;
  };
  if (servers.length === 0) client.reply(REPLY_SLOT_DOWN);
  else sendParts(client, parts, merge, connections);
}

/** A script counts as there if it can be loaded when it is needed, so that is done. */
function loadEverywhere(client: Client, digests: readonly Buffer[]): void {
  for (const digest of digests) {
    for (const group of client.context.servers) {
      loadInto(client, group, client.backendOf(group), String(digest).toLowerCase());
    }
  }
}

/** A script is there if every server has it. */
function onAll(_: readonly FanOutPart[], replies: readonly Buffer[]): Buffer {
  const lists = replies.map((reply) => elementsOf(reply).map(String));
  const lines = (lists[0] ?? []).map((_line, i) => {
    return lists.every((list) => list[i] === YES) ? YES : NO;
  });
  return Buffer.from(`*${lines.length}\r\n${lines.join('')}`);
}

/** Over connections that no script keeps busy. The server that runs one decides the answer. */
function kill(client: Client, args: readonly Buffer[]): void {
  const { dedicated, servers } = client.context;
  const merge: Merge = (parts, replies) =>
    replies.find((reply) => reply[0] === PLUS) ?? ALIKE(parts, replies);
  const connections = servers.map(({ address }) => dedicated.control(address));
  askAll(client, args, merge, connections);
}

function askAll(
  client: Client,
  args: readonly Buffer[],
  merge: Merge,
  connections: readonly BackendConnection[] | null = null,
): void {
  const { servers } = client.context;
  const command = encodeCommand(args);
  const parts = servers.map((_, target): FanOutPart => ({ target, command, keys: [] }));
  if (servers.length === 0) client.reply(REPLY_SLOT_DOWN);
  else sendParts(client, parts, merge, connections);
}

/** What one server says is true for all. */
export function askFirst(client: Client, args: readonly Buffer[]): void {
  const [group] = client.context.servers;
  const command = encodeCommand(args);
  if (group === undefined) client.reply(REPLY_SLOT_DOWN);
  else {
    if (forwardOver(client, client.backendOf(group), command, 0, command.length, 1)) return;
    client.reply(unreachableReply(group.address));
  }
}
