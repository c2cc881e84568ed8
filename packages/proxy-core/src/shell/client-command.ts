import { arityReply, errorReply, REPLY_OK } from '../core/replies.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

/** Redis' refusal of a client name, without "ERR ". */
export const BAD_CLIENT_NAME =
  'Client names cannot contain spaces, newlines or special characters.';

type Handler = (client: Client, first: string, second: string) => void;

const HANDLERS: ReadonlyMap<string, readonly [argc: number, run: Handler]> = new Map([
  ['id', [2, (client) => client.reply(written(client, (w) => w.integer(client.session.id)))]],
  ['getname', [2, getName]],
  ['setname', [3, setName]],
  ['setinfo', [4, setInfo]],
  ['info', [2, info]],
  ['help', [2, help]],
] satisfies [string, [number, Handler]][]);

const HELP: readonly string[] = [
  'CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'GETNAME',
  '    Return the name of the current connection.',
  'ID',
  '    Return the ID of the current connection.',
  'INFO',
  '    Return information about the current client connection.',
  'SETNAME <name>',
  '    Assign the name <name> to the current connection.',
  'SETINFO <option> <value>',
  '    Set client meta attr. Options are LIB-NAME and LIB-VER.',
  'HELP',
  '    Print this help.',
];

/** CLIENT and those of its subcommands that the command table lets through. */
export function clientCommand(client: Client, args: readonly Buffer[]): void {
  const [, given = '', first = '', second = ''] = args.map(String);
  const name = given.toLowerCase();
  const handler = HANDLERS.get(name);
  if (handler === undefined) {
    client.reply(errorReply(`ERR unknown subcommand '${given}'. Try CLIENT HELP.`));
    return;
  }
  const [argc, run] = handler;
  if (args.length === argc) run(client, first, second);
  else client.reply(arityReply(`client|${name}`));
}

/** Whether a text may be a client's name: visible ASCII only, as in Redis. */
export function isPrintableWord(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function getName(client: Client): void {
  const { name } = client.session;
  client.reply(written(client, (writer) => (name === '' ? writer.null() : writer.bulk(name))));
}

function setName(client: Client, name: string): void {
  if (!isPrintableWord(name)) {
    client.reply(errorReply(`ERR ${BAD_CLIENT_NAME}`));
    return;
  }
  client.session.name = name;
  client.reply(REPLY_OK);
}

function setInfo(client: Client, option: string, value: string): void {
  const attribute = option.toLowerCase();
  if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
    client.reply(errorReply(`ERR Unrecognized option '${option}'`));
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
  const { session, context } = client;
  const nowMs = context.clock.monotonicMs();
  const ageS = Math.floor((nowMs - session.createdMs) / 1000);
  const idleS = Math.max(0, Math.floor((nowMs - client.activeMs) / 1000));
  const line =
    `id=${session.id} addr=${client.peer} laddr=${context.address} name=${session.name} ` +
    `age=${ageS} idle=${idleS} flags=N db=0 user=default resp=${session.protocol} ` +
    `lib-name=${session.libraryName} lib-ver=${session.libraryVersion}\n`;
  client.reply(written(client, (writer) => writer.verbatim('txt', line)));
}

function help(client: Client): void {
  const reply = written(client, (writer) => {
    writer.array(HELP.length);
    for (const line of HELP) writer.simple(line);
  });
  client.reply(reply);
}
