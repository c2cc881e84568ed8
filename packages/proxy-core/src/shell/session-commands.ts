import { RespWriter } from '@undermoon/resp';
import { writeCommandReply } from '../core/command-reply.ts';
import {
  arityReply,
  errorReply,
  REPLY_OK,
  REPLY_PONG,
  REPLY_RESET,
  REPLY_SYNTAX,
} from '../core/replies.ts';
import { secretEquals } from '../core/secret.ts';
import { REDIS_VERSION } from '../core/info.ts';
import type { ClientConnection } from './client-connection.ts';

const NOT_IN_CLUSTER_MODE = 'ERR SELECT is not allowed in cluster mode';
const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?';
const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';
const HELLO_NOAUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';

type Handler = (client: ClientConnection, args: readonly Buffer[]) => void;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['ping', ping],
  ['echo', (client, args) => client.reply(written(client, (writer) => writer.bulk(args[1]!)))],
  ['select', select],
  ['quit', quit],
  ['reset', reset],
  ['auth', auth],
  ['hello', hello],
  ['client', clientCommand],
  ['readonly', (client) => setReadonly(client, true)],
  ['readwrite', (client) => setReadonly(client, false)],
  ['asking', (client) => client.reply(REPLY_OK)],
  ['command', (client, args) => client.reply(written(client, (w) => writeCommandReply(w, args)))],
]);

/** Commands that work before AUTH. The coordinator and peer proxies send UMCTL without a password. */
export function isAllowedWithoutPassword(name: string): boolean {
  return ['auth', 'hello', 'quit', 'reset', 'umctl'].includes(name);
}

/** Answers a command that never reaches a Redis server; `name` is in lower case, arity is checked. */
export function answerCommand(
  client: ClientConnection,
  name: string,
  args: readonly Buffer[],
): void {
  const handler = HANDLERS.get(name);
  if (handler !== undefined) {
    handler(client, args);
    return;
  }
  const { control } = client.context;
  client.reply(written(client, (writer) => control.execute(args, client.session, writer)));
}

function written(client: ClientConnection, write: (writer: RespWriter) => void): Buffer {
  const writer = new RespWriter(client.session.protocol);
  write(writer);
  return writer.take();
}

function ping(client: ClientConnection, args: readonly Buffer[]): void {
  if (args.length > 2) client.reply(arityReply('ping'));
  else if (args.length === 1) client.reply(REPLY_PONG);
  else client.reply(written(client, (writer) => writer.bulk(args[1]!)));
}

function select(client: ClientConnection, args: readonly Buffer[]): void {
  const text = args[1]!.toString();
  if (!/^-?\d{1,10}$/.test(text)) {
    client.reply(errorReply('ERR value is not an integer or out of range'));
  } else if (Number(text) !== 0) client.reply(errorReply(NOT_IN_CLUSTER_MODE));
  else client.reply(REPLY_OK);
}

function quit(client: ClientConnection): void {
  client.reply(REPLY_OK);
  client.endAfterReplies();
}

function reset(client: ClientConnection): void {
  client.whenQuiet(() => {
    client.session.reset();
    client.reply(REPLY_RESET);
  });
}

function setReadonly(client: ClientConnection, isReadonly: boolean): void {
  client.session.isReadonly = isReadonly;
  client.reply(REPLY_OK);
}

function auth(client: ClientConnection, args: readonly Buffer[]): void {
  const { password } = client.context.options;
  if (args.length > 3) client.reply(REPLY_SYNTAX);
  else if (password === null && args.length === 2) client.reply(errorReply(NO_PASSWORD));
  else if (isPassword(client, args.length === 3 ? args[1]! : null, args.at(-1)!)) {
    client.session.isAuthenticated = true;
    client.reply(REPLY_OK);
  } else client.reply(errorReply(WRONG_PASSWORD));
}

function isPassword(client: ClientConnection, user: Buffer | null, given: Buffer): boolean {
  const { password } = client.context.options;
  if (user !== null && user.toString() !== 'default') return false;
  // As in Redis, the default user without a password accepts any.
  return password === null || secretEquals(given, password);
}

interface HelloRequest {
  protocol: 2 | 3;
  user: Buffer | null;
  password: Buffer | null;
  name: string | null;
}

function hello(client: ClientConnection, args: readonly Buffer[]): void {
  const request = parseHello(client, args);
  if (Buffer.isBuffer(request)) {
    client.reply(request);
    return;
  }
  if (request.password !== null) {
    if (!isPassword(client, request.user, request.password)) {
      client.reply(errorReply(WRONG_PASSWORD));
      return;
    }
    client.session.isAuthenticated = true;
  }
  if (!client.session.isAuthenticated) {
    client.reply(errorReply(HELLO_NOAUTH));
    return;
  }
  // Replies of requests before HELLO are in the old protocol and come over the old backend connection.
  if (request.protocol === client.session.protocol) finishHello(client, request);
  else client.whenQuiet(() => finishHello(client, request));
}

function finishHello(client: ClientConnection, request: HelloRequest): void {
  const { session } = client;
  session.protocol = request.protocol;
  if (request.name !== null) session.name = request.name;
  const reply = written(client, (writer) => {
    writer.map(7);
    writer.bulk('server').bulk('redis').bulk('version').bulk(REDIS_VERSION);
    writer.bulk('proto').integer(session.protocol).bulk('id').integer(session.id);
    writer.bulk('mode').bulk('cluster').bulk('role').bulk('master').bulk('modules').array(0);
  });
  client.reply(reply);
}

/** The request, or the error reply. */
function parseHello(client: ClientConnection, args: readonly Buffer[]): HelloRequest | Buffer {
  const request: HelloRequest = {
    protocol: client.session.protocol,
    user: null,
    password: null,
    name: null,
  };
  if (args.length === 1) return request;
  const version = args[1]!.toString();
  if (!/^-?\d{1,10}$/.test(version)) {
    return errorReply('ERR Protocol version is not an integer or out of range');
  }
  if (version !== '2' && version !== '3') {
    return errorReply('NOPROTO unsupported protocol version');
  }
  request.protocol = version === '2' ? 2 : 3;
  for (let i = 2; i < args.length;) {
    const option = args[i]!.toString().toLowerCase();
    if (option === 'auth' && i + 2 < args.length) {
      request.user = args[i + 1]!;
      request.password = args[i + 2]!;
      i += 3;
    } else if (option === 'setname' && i + 1 < args.length) {
      const name = args[i + 1]!.toString();
      if (!isPrintableWord(name)) return errorReply(BAD_NAME);
      request.name = name;
      i += 2;
    } else return errorReply(`ERR Syntax error in HELLO option '${args[i]!.toString()}'`);
  }
  return request;
}

const BAD_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';

function isPrintableWord(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function clientCommand(client: ClientConnection, args: readonly Buffer[]): void {
  const { session } = client;
  const sub = args[1]!.toString().toLowerCase();
  const handler = CLIENT_HANDLERS.get(sub);
  if (handler === undefined) {
    client.reply(errorReply(`ERR unknown subcommand '${args[1]!.toString()}'. Try CLIENT HELP.`));
  } else if (args.length !== handler.argc) client.reply(arityReply(`client|${sub}`));
  else handler.run(client, session, args);
}

interface ClientHandler {
  readonly argc: number;
  readonly run: (
    client: ClientConnection,
    session: ClientConnection['session'],
    args: readonly Buffer[],
  ) => void;
}

const CLIENT_HANDLERS: ReadonlyMap<string, ClientHandler> = new Map<string, ClientHandler>([
  ['id', { argc: 2, run: (c, s) => c.reply(written(c, (w) => w.integer(s.id))) }],
  ['getname', { argc: 2, run: getName }],
  ['setname', { argc: 3, run: setName }],
  ['setinfo', { argc: 4, run: setInfo }],
  [
    'info',
    { argc: 2, run: (c) => c.reply(written(c, (w) => w.verbatim('txt', `${clientLine(c)}\n`))) },
  ],
  ['help', { argc: 2, run: clientHelp }],
]);

function getName(client: ClientConnection, session: ClientConnection['session']): void {
  client.reply(
    written(client, (writer) => {
      if (session.name === '') writer.null();
      else writer.bulk(session.name);
    }),
  );
}

function setName(
  client: ClientConnection,
  session: ClientConnection['session'],
  args: readonly Buffer[],
): void {
  const name = args[2]!.toString();
  if (!isPrintableWord(name)) {
    client.reply(errorReply(BAD_NAME));
    return;
  }
  session.name = name;
  client.reply(REPLY_OK);
}

function setInfo(
  client: ClientConnection,
  session: ClientConnection['session'],
  args: readonly Buffer[],
): void {
  const attribute = args[2]!.toString().toLowerCase();
  const value = args[3]!.toString();
  if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
    client.reply(errorReply(`ERR Unrecognized option '${args[2]!.toString()}'`));
  } else if (!isPrintableWord(value)) {
    client.reply(
      errorReply(`ERR ${attribute} cannot contain spaces, newlines or special characters.`),
    );
  } else {
    if (attribute === 'lib-name') session.libraryName = value;
    else session.libraryVersion = value;
    client.reply(REPLY_OK);
  }
}

function clientLine(client: ClientConnection): string {
  const { session } = client;
  const nowMs = client.context.clock.monotonicMs();
  const ageS = Math.floor((nowMs - session.createdMs) / 1000);
  const idleS = Math.max(0, Math.floor((nowMs - client.activeMs) / 1000));
  return (
    `id=${session.id} addr=${session.peer} laddr=${client.context.options.address} ` +
    `name=${session.name} age=${ageS} idle=${idleS} flags=N db=0 resp=${session.protocol} ` +
    `lib-name=${session.libraryName} lib-ver=${session.libraryVersion}`
  );
}

function clientHelp(client: ClientConnection): void {
  const lines = [
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
  ];
  client.reply(
    written(client, (writer) => {
      writer.array(lines.length);
      for (const line of lines) writer.simple(line);
    }),
  );
}
