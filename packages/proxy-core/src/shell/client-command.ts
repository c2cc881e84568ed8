import { integerOf } from '../core/command-argument.ts';
import type { Outcome } from '@undermoon/runtime';
import {
  clientAt,
  type ClientFilter,
  parseKillFilter,
  parseListFilter,
} from '../core/client-filter.ts';
import { renderClient } from '../core/client-line.ts';
import { clientListOf, type LoopAnswer } from '../core/loop-question.ts';
import {
  byteErrorReply,
  clientSyntaxReply,
  errorReply,
  quotedBytes,
  REPLY_OK,
  REPLY_SYNTAX,
} from '../core/replies.ts';
import { askLoops } from './ask-loops.ts';
import { CLIENT_HELP } from './client-help.ts';
import { factsOf } from './client-directory.ts';
import type { Client } from './proxy-context.ts';
import { caching, getRedirection, tracking, trackingInfo } from './tracking-commands.ts';
import { written } from './written.ts';

/** Redis' refusal of a client name, without "ERR ". */
export const BAD_CLIENT_NAME =
  'Client names cannot contain spaces, newlines or special characters.';

const NO_SUCH_CLIENT = errorReply('ERR No such client');

/** `words`: those after the subcommand `given`, `args` the same as bytes. Their number fits the command table. */
type Handler = (
  client: Client,
  words: readonly string[],
  given: string,
  args: readonly Buffer[],
) => void;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['id', (client) => client.reply(integerReply(client, client.session.id))],
  ['getname', getName],
  ['getredir', getRedirection],
  ['tracking', (client, _words, _given, args) => tracking(client, args)],
  ['trackinginfo', trackingInfo],
  ['caching', caching],
  ['setname', setName],
  ['setinfo', setInfo],
  ['info', info],
  ['list', list],
  ['kill', kill],
  ['unblock', unblock],
  ['pause', pause],
  ['unpause', unpause],
  ['reply', replyMode],
  ['no-evict', noEvict],
  ['no-touch', noTouch],
  ['help', help],
]);

/** CLIENT and those of its subcommands that the command table lets through. */
export function clientCommand(client: Client, args: readonly Buffer[]): void {
  const [, given = '', ...words] = args.map(String);
  const handler = HANDLERS.get(given.toLowerCase());
  if (handler !== undefined) handler(client, words, given, args.slice(2));
  else client.reply(errorReply(`ERR unknown subcommand '${given}'. Try CLIENT HELP.`));
}

/** Whether a text may be a client's name: visible ASCII only, as in Redis. */
export function isPrintableWord(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function integerReply(client: Client, value: number): Buffer {
  return written(client, (writer) => writer.integer(value));
}

function getName(client: Client): void {
  const { name } = client.session;
  client.reply(written(client, (writer) => (name === '' ? writer.null() : writer.bulk(name))));
}

function setName(client: Client, [name = '']: readonly string[]): void {
  if (!isPrintableWord(name)) {
    client.reply(errorReply(`ERR ${BAD_CLIENT_NAME}`));
    return;
  }
  client.session.name = name;
  client.reply(REPLY_OK);
}

function setInfo(
  client: Client,
  [option = '', value = '']: readonly string[],
  _given: string,
  [name]: readonly Buffer[],
): void {
  const attribute = option.toLowerCase();
  if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
    client.reply(byteErrorReply(`ERR Unrecognized option '${quotedBytes(name)}'`));
  } else if (!isPrintableWord(value)) {
    const text = `${attribute} cannot contain spaces, newlines or special characters.`;
    client.reply(errorReply(`ERR ${text}`));
  } else {
    if (attribute === 'lib-name') client.session.libraryName = value;
    else client.session.libraryVersion = value;
    client.reply(REPLY_OK);
  }
}

function info(client: Client): void {
  const line = `${renderClient(factsOf(client, 'client|info'))}\n`;
  client.reply(written(client, (writer) => writer.verbatim('txt', line)));
}

/** The error is answered here; null then. */
function filterOf(client: Client, outcome: Outcome<ClientFilter, 'REFUSED'>): ClientFilter | null {
  if (outcome.ok) return outcome.value;
  client.reply(errorReply(outcome.message));
  return null;
}

function list(client: Client, words: readonly string[]): void {
  const filter = filterOf(client, parseListFilter(words));
  if (filter === null) return;
  askLoops(client, { kind: 'list', filter, asker: client.session.id }, ({ lines }) => {
    const text = clientListOf(lines, filter.ids);
    return written(client, (writer) => writer.verbatim('txt', text));
  });
}

function kill(client: Client, words: readonly string[]): void {
  const [address = ''] = words;
  if (words.length === 1) {
    killAll(client, clientAt(address), ({ count }) => (count > 0 ? REPLY_OK : NO_SUCH_CLIENT));
    return;
  }
  const filter = filterOf(client, parseKillFilter(words));
  if (filter !== null) killAll(client, filter, ({ count }) => integerReply(client, count));
}

function killAll(
  client: Client,
  filter: ClientFilter,
  replyOf: (answer: LoopAnswer) => Buffer,
): void {
  askLoops(client, { kind: 'kill', filter, asker: client.session.id }, replyOf);
}

function unblock(client: Client, words: readonly string[], given: string): void {
  const [id = '', wanted = 'timeout', ...more] = words;
  const reason = wanted.toUpperCase();
  if (more.length > 0) client.reply(clientSyntaxReply(given));
  else if (reason !== 'TIMEOUT' && reason !== 'ERROR') {
    client.reply(errorReply('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'));
  } else if (Number.isNaN(integerOf(Buffer.from(id)))) {
    client.reply(errorReply('ERR value is not an integer or out of range'));
  } else {
    askLoops(client, { kind: 'unblock', client: Number(id), reason }, ({ count }) =>
      integerReply(client, count),
    );
  }
}

function pause(client: Client, words: readonly string[], given: string): void {
  const [time = '', mode = 'all', ...more] = words;
  const isForAll = mode.toLowerCase() === 'all';
  if (more.length > 0) client.reply(clientSyntaxReply(given));
  else if (!isForAll && mode.toLowerCase() !== 'write') {
    client.reply(errorReply('ERR CLIENT PAUSE mode must be WRITE or ALL'));
  } else if (Number.isNaN(integerOf(Buffer.from(time)))) {
    client.reply(errorReply('ERR timeout is not an integer or out of range'));
  } else if (time.startsWith('-')) client.reply(errorReply('ERR timeout is negative'));
  else {
    askLoops(client, { kind: 'pause', isForAll, forMs: Number(time) }, () => REPLY_OK);
  }
}

function unpause(client: Client): void {
  askLoops(client, { kind: 'unpause' }, () => REPLY_OK);
}

function replyMode(client: Client, [mode = '']: readonly string[]): void {
  switch (mode.toLowerCase()) {
    case 'on':
      client.whenQuiet(() => {
        client.setReplies('on');
        client.reply(REPLY_OK);
      });
      break;
    case 'off':
      client.whenQuiet(() => client.setReplies('off'));
      break;
    case 'skip':
      client.whenQuiet(() => client.skipNextReply());
      break;
    default:
      client.reply(REPLY_SYNTAX);
  }
}

function noEvict(client: Client, [mode = '']: readonly string[]): void {
  const isOn = switchOf(client, mode);
  if (isOn !== null) client.session.isNoEvict = isOn;
}

function noTouch(client: Client, [mode = '']: readonly string[]): void {
  const isOn = switchOf(client, mode);
  if (isOn !== null) client.session.isNoTouch = isOn;
}

/** Answers ON or OFF; null: it was neither, and the error is answered. */
function switchOf(client: Client, mode: string): boolean | null {
  const name = mode.toLowerCase();
  const isKnown = name === 'on' || name === 'off';
  client.reply(isKnown ? REPLY_OK : REPLY_SYNTAX);
  return isKnown ? name === 'on' : null;
}

function help(client: Client): void {
  const reply = written(client, (writer) => {
    writer.array(CLIENT_HELP.length);
    for (const line of CLIENT_HELP) writer.simple(line);
  });
  client.reply(reply);
}
