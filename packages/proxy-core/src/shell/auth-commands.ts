import { accept, type Outcome, refuse } from '@undermoon/runtime';
import { integerOf } from '../core/command-argument.ts';
import { REDIS_VERSION } from '../core/info.ts';
import {
  byteErrorReply,
  errorReply,
  quotedBytes,
  REPLY_OK,
  REPLY_SYNTAX,
} from '../core/replies.ts';
import { secretEquals } from '../core/secret.ts';
import { noteDenied } from './acl-log.ts';
import { BAD_CLIENT_NAME, isPrintableWord } from './client-command.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?';
const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';
const HELLO_NOAUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the ' +
  'HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and ' +
  'select the RESP protocol version at the same time';

const DEFAULT_USER = Buffer.from('default');
const EMPTY = Buffer.alloc(0);

interface Credentials {
  readonly user: Buffer;
  readonly password: Buffer;
}

interface HelloRequest {
  readonly protocol: 2 | 3;
  readonly credentials: Credentials | null;
  readonly name: string | null;
}

/** AUTH [user] password. */
export function auth(client: Client, args: readonly Buffer[]): void {
  const [, first, second] = args;
  if (first === undefined || args.length > 3) client.reply(REPLY_SYNTAX);
  else if (second === undefined && client.context.options.password === null) {
    client.reply(errorReply(NO_PASSWORD));
  } else {
    const user = second === undefined ? DEFAULT_USER : first;
    const isKnown = logIn(client, args[0], { user, password: second ?? first });
    client.reply(isKnown ? REPLY_OK : errorReply(WRONG_PASSWORD));
  }
}

/** HELLO [version [AUTH user password] [SETNAME name]]. */
export function hello(client: Client, args: readonly Buffer[]): void {
  const { session } = client;
  const parsed = parseHello(session.protocol, args);
  if (!parsed.ok) {
    client.reply(byteErrorReply(`${parsed.code} ${parsed.message}`));
    return;
  }
  const request = parsed.value;
  if (request.credentials !== null && !logIn(client, args[0], request.credentials)) {
    client.reply(errorReply(WRONG_PASSWORD));
  } else if (!session.isAuthenticated) client.reply(errorReply(HELLO_NOAUTH));
  // Replies of requests before HELLO are in the old protocol and come over the old backend connection.
  else if (request.protocol === session.protocol) greet(client, request);
  else client.whenQuiet(() => greet(client, request));
}

/** `command`: the word that asks for it. */
function logIn(client: Client, command: Buffer | undefined, credentials: Credentials): boolean {
  const { password } = client.context.options;
  // As in Redis, the default user without a password accepts any.
  const isKnown =
    credentials.user.equals(DEFAULT_USER) &&
    (password === null || secretEquals(credentials.password, password));
  if (isKnown) client.session.logIn();
  else noteDenied(client, command, credentials.user);
  return isKnown;
}

function greet(client: Client, request: HelloRequest): void {
  const { session } = client;
  if (session.protocol !== request.protocol) {
    (client.tracking ?? client.watching)?.speak(request.protocol);
  }
  session.protocol = request.protocol;
  session.noteSubscriptions();
  if (request.name !== null) session.name = request.name;
  const reply = written(client, (writer) => {
    writer.map(7);
    writer.bulk('server').bulk('redis').bulk('version').bulk(REDIS_VERSION);
    writer.bulk('proto').integer(session.protocol).bulk('id').integer(session.id);
    writer
      .bulk('mode')
      .bulk(client.context.isPlain ? 'standalone' : 'cluster')
      .bulk('role')
      .bulk('master')
      .bulk('modules')
      .array(0);
  });
  client.reply(reply);
}

function parseHello(
  protocol: 2 | 3,
  args: readonly Buffer[],
): Outcome<HelloRequest, 'ERR' | 'NOPROTO'> {
  // One character per byte: what is not ASCII is quoted as it was.
  const [, version, ...options] = args.map((arg) => arg.toString('latin1'));
  if (version === undefined) return accept({ protocol, credentials: null, name: null });
  if (Number.isNaN(integerOf(args[1] ?? EMPTY))) {
    return refuse('ERR', 'Protocol version is not an integer or out of range');
  }
  if (version !== '2' && version !== '3') return refuse('NOPROTO', 'unsupported protocol version');
  let credentials: Credentials | null = null;
  let name: string | null = null;
  for (let i = 0; i < options.length;) {
    const option = options[i]?.toLowerCase();
    const [first, second] = options.slice(i + 1, i + 3);
    if (option === 'auth' && first !== undefined && second !== undefined) {
      credentials = { user: args[i + 3] ?? EMPTY, password: args[i + 4] ?? EMPTY };
      i += 3;
    } else if (option === 'setname' && first !== undefined) {
      if (!isPrintableWord(first)) return refuse('ERR', BAD_CLIENT_NAME);
      name = first;
      i += 2;
    } else return refuse('ERR', `Syntax error in HELLO option '${quotedBytes(args[i + 2])}'`);
  }
  return accept({ protocol: version === '2' ? 2 : 3, credentials, name });
}
