import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { firstOf, unlessError } from '../core/fan-out.ts';
import { REPLY_SLOT_DOWN } from '../core/replies.ts';
import { namesOfServers, serverNameOf, toldValues } from '../core/server-parameters.ts';
import type { BackendGroup } from './backend-pool.ts';
import { connectionsTo, FanOutCall, sendParts } from './fan-out-call.ts';
import type { Client, Span } from './proxy-context.ts';

/** Names of parameters are shorter. */
const PATTERN_BYTES_MAX = 512;
/** Neither a pattern nor the name of any parameter, of the proxy or of a server. */
const NO_PARAMETER = /^(?![a-z][\w-]*$)[^*?[\\]*$/i;

/** CONFIG GET and CONFIG SET of what the servers have. False: the command is about the proxy alone. */
export function takeConfigOfServers(
  client: Client,
  scanner: RequestScanner,
  span: Span,
  id: number,
): boolean {
  if (id === COMMAND_ID.CONFIG_GET) return getFromServer(client, scanner, span);
  if (id !== COMMAND_ID.CONFIG_SET) return false;
  const command = settingOf(scanner, span);
  if (command === null) return false;
  setOnServers(client, command);
  return true;
}

/** Whether CONFIG GET asks for nothing but what a server has: in a transaction that answers itself. */
export function isAskedOfServer(scanner: RequestScanner, span: Span, id: number): boolean {
  if (id !== COMMAND_ID.CONFIG_GET) return false;
  let isAsked = false;
  for (let i = 2; i < scanner.argc; i++) {
    const word = wordAt(scanner, span, i);
    if (serverNameOf(word) !== null) isAsked = true;
    else if (!NO_PARAMETER.test(word)) return false;
  }
  return isAsked;
}

/** CONFIG SET for the servers; null: it has words about something else. */
function settingOf(scanner: RequestScanner, span: Span): Buffer | null {
  const words: (string | Buffer)[] = ['CONFIG', 'SET'];
  if (scanner.argc < 4 || scanner.argc % 2 !== 0) return null;
  for (let i = 2; i < scanner.argc; i += 2) {
    const name = serverNameOf(wordAt(scanner, span, i));
    if (name === null) return null;
    words.push(name, bytesAt(scanner, span, i + 1));
  }
  return encodeCommand(words);
}

function setOnServers(client: Client, command: Buffer): void {
  const groups = targetsOf(client);
  if (groups.length === 0) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  const parts = groups.map((_, target) => ({ target, command, keys: [] }));
  sendParts(client, parts, unlessError(firstOf), connectionsTo(client, groups, parts));
}

/** The proxy's own values come with those of its first server. */
function getFromServer(client: Client, scanner: RequestScanner, span: Span): boolean {
  const patterns: string[] = [];
  for (let i = 2; i < scanner.argc; i++) patterns.push(wordAt(scanner, span, i));
  const names = namesOfServers(patterns);
  const [group] = targetsOf(client);
  if (names.length === 0 || group === undefined) return false;
  const { desk } = client.context;
  const frame = Buffer.from(span.bytes.subarray(span.start, span.end));
  const parts = names.map((name) => {
    return { target: 0, command: encodeCommand(['CONFIG', 'GET', name]), keys: [] };
  });
  const finish = {
    atOnce: () => desk.take(client, scanner, span),
    later: (replies: readonly Buffer[]) =>
      desk.answerDeferred(client, frame, toldValues(names, replies)),
  };
  new FanOutCall(client, parts, finish, connectionsTo(client, [group], parts)).start();
  return true;
}

const CLUSTER_PORT = { port: 'cluster', isRedirected: false } as const;

/**
 * The masters and copies behind this proxy, on the plain port the other proxies too. On the cluster port no
 * proxy is asked: it would ask the others again where redirection is active.
 */
function targetsOf({ context }: Client): readonly BackendGroup[] {
  const cluster = context.contextOf({ ...CLUSTER_PORT, isReadonly: false });
  const replica = context.contextOf({ ...CLUSTER_PORT, isReadonly: true });
  const isClusterPort = context === cluster || context === replica;
  const { groups } = isClusterPort ? cluster : context;
  const masters = isClusterPort ? groups.slice(0, cluster.table.peerStart) : groups;
  return [...masters, ...replica.groups.slice(cluster.groups.length)];
}

function wordAt(scanner: RequestScanner, span: Span, index: number): string {
  return bytesAt(scanner, span, index).toString('latin1', 0, PATTERN_BYTES_MAX);
}

function bytesAt(scanner: RequestScanner, { bytes }: Span, index: number): Buffer {
  return bytes.subarray(scanner.argStart[index], scanner.argEnd[index]);
}
