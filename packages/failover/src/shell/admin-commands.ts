// The coordinator's own commands, in the words of the original where it has them; `CONFIG GET` answers one
// bulk string, not Redis' array, because the Kubernetes operator reads it so.

import { isUtf8 } from 'node:buffer';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import type { RespWriter } from '@undermoon/resp';
import type { Millis } from '@undermoon/runtime';
import type { CoordinatorStatus } from '../core/state.ts';

/** What the commands read and change. */
export interface AdminContext {
  readonly version: string;
  brokers(): readonly string[];
  setBrokers(brokers: readonly string[]): void;
  reporterId(): string;
  status(): CoordinatorStatus;
  uptimeMs(): number;
  sessions(): readonly AdminSessionInfo[];
}

/** One open connection. */
export interface AdminSessionInfo {
  readonly id: number;
  readonly peer: string;
  readonly startedAt: Millis;
}

/** Who asks. */
export interface AdminCaller {
  readonly sessionId: number;
  readonly reply: RespWriter;
}

const BROKERS_MAX = 64;

/** Answers one command. Returns false when the connection is to be closed after the reply. */
export function answerCommand(
  words: readonly Buffer[],
  context: AdminContext,
  caller: AdminCaller,
): boolean {
  const { reply } = caller;
  const [name = '', ...args] = words.map((word) => word.toString());
  switch (name.toUpperCase()) {
    case 'PING':
      if (args.length > 1) reply.error(wrongNumber('ping'));
      else if (args.length === 1 && words[1] !== undefined) reply.bulk(words[1]);
      else reply.simple('PONG');
      return true;
    case 'HELLO':
      answerHello(args, context, caller);
      return true;
    case 'INFO':
      reply.verbatim('txt', infoText(context));
      return true;
    case 'QUIT':
      reply.simple('OK');
      return false;
    case 'CONFIG':
    case 'UMCTL':
      if (args.length < 2) reply.error('Missing sub argument');
      else if (!words.every((word) => isUtf8(word))) reply.error('Invalid sub argument');
      else if (name.toUpperCase() === 'CONFIG') answerConfig(args, context, reply);
      else answerUmctl(args, context, reply);
      return true;
    default:
      reply.error(`ERR_COMMAND_NOT_SUPPORTED: ${name}`);
      return true;
  }
}

function answerHello(
  args: readonly string[],
  context: AdminContext,
  { reply, sessionId }: AdminCaller,
): void {
  const [protocol, ...options] = args;
  if (protocol !== undefined && protocol !== '2' && protocol !== '3') {
    reply.error('NOPROTO unsupported protocol version');
    return;
  }
  const isNamed = options.length === 2 && options[0]?.toUpperCase() === 'SETNAME';
  if (options.length > 0 && !isNamed) {
    reply.error(`ERR Syntax error in HELLO option '${options[0] ?? ''}'`);
    return;
  }
  if (protocol !== undefined) reply.protocol = protocol === '3' ? 3 : 2;
  reply.map(7).bulk('server').bulk('undermoon-coordinator');
  reply.bulk('version').bulk(context.version);
  reply.bulk('proto').integer(reply.protocol);
  reply.bulk('id').integer(sessionId);
  reply.bulk('mode').bulk('standalone');
  reply.bulk('role').bulk('master');
  reply.bulk('modules').array(0);
}

function answerConfig(args: readonly string[], context: AdminContext, reply: RespWriter): void {
  const [action = '', field = '', value] = args;
  switch (action.toUpperCase()) {
    case 'GET':
      if (field === 'brokers') reply.bulk(context.brokers().join(','));
      else if (field === 'reporter_id') reply.bulk(context.reporterId());
      else reply.error(`Invalid CONFIG field ${field}`);
      return;
    case 'SET':
      if (value === undefined) reply.error('Missing sub argument');
      else if (field === 'brokers') setBrokers(value, context, reply);
      else reply.error(`Invalid CONFIG SET field ${field}`);
      return;
    default:
      reply.error(`Invalid config sub command: ${action.toUpperCase()}`);
  }
}

function setBrokers(value: string, context: AdminContext, reply: RespWriter): void {
  const brokers = value === '' ? [] : value.split(',');
  const wrong = brokers.find((broker) => parseNodeAddress(broker) === null);
  if (wrong !== undefined) {
    reply.error(`Invalid CONFIG SET value for brokers: "${wrong}" is not host:port`);
    return;
  }
  if (brokers.length > BROKERS_MAX) {
    reply.error(`Invalid CONFIG SET value for brokers: more than ${BROKERS_MAX}`);
    return;
  }
  try {
    context.setBrokers(brokers);
  } catch (error) {
    // The broker client is stricter about hosts than an address has to be.
    if (!(error instanceof RangeError)) throw error;
    reply.error(`Invalid CONFIG SET value for ${error.message}`);
    return;
  }
  reply.simple('OK');
}

function answerUmctl(args: readonly string[], context: AdminContext, reply: RespWriter): void {
  const isFuture = args[0]?.toUpperCase() === 'DEBUG' && args[1]?.toUpperCase() === 'FUTURE';
  if (!isFuture) {
    reply.error('Invalid sub command for UMCTL');
    return;
  }
  const sessions = context.sessions().toSorted((a, b) => a.startedAt - b.startedAt || a.id - b.id);
  reply.array(sessions.length);
  for (const { id, peer, startedAt } of sessions) {
    reply.bulk(`${id} ${localTime(startedAt)} session: session_id=${id} peer=${peer}`);
  }
}

function infoText(context: AdminContext): string {
  const status = context.status();
  const sections: readonly (readonly [string, Readonly<Record<string, string | number>>])[] = [
    [
      'Server',
      {
        undermoon_coordinator_version: context.version,
        uptime_in_seconds: Math.floor(context.uptimeMs() / 1000),
        reporter_id: context.reporterId(),
        connected_clients: context.sessions().length,
      },
    ],
    [
      'Broker',
      {
        brokers: context.brokers().join(','),
        broker_state: status.brokerReach,
        broker_epoch: status.brokerEpoch ?? '',
        clusters: status.clusters.length,
      },
    ],
    [
      'Proxies',
      {
        proxies: status.proxies,
        proxies_alive: status.alive,
        proxies_suspect: status.suspect,
        proxies_reported: status.reported,
        proxies_missing_masters: status.missingMasters,
        proxies_behind: status.behind,
        proxies_ahead: status.ahead,
        mass_failure_brake: status.isBraking ? 1 : 0,
      },
    ],
  ];
  return sections
    .map(([title, fields]) => {
      const lines = Object.entries(fields).map(([field, value]) => `${field}:${value}\r\n`);
      return `# ${title}\r\n${lines.join('')}`;
    })
    .join('\r\n');
}

function wrongNumber(command: string): string {
  return `ERR wrong number of arguments for '${command}' command`;
}

function localTime(at: Millis): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
