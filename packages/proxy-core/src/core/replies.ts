import { Buffer } from 'node:buffer';

const bytesOf = (line: string): Buffer => Buffer.from(`${line}\r\n`, 'latin1');

/** Bytes of an unknown command, and of its arguments together, that its error shows. */
const SHOWN_BYTES_MAX = 128;

const ERROR_CODE_BYTES_MAX = 32;

/** Replies that never change, encoded once. */
export const REPLY_OK: Buffer = bytesOf('+OK');
export const REPLY_PONG: Buffer = bytesOf('+PONG');
export const REPLY_RESET: Buffer = bytesOf('+RESET');
export const REPLY_QUEUED: Buffer = bytesOf('+QUEUED');
export const REPLY_EXECABORT: Buffer = bytesOf(
  '-EXECABORT Transaction discarded because of previous errors.',
);
export const REPLY_CROSSSLOT: Buffer = bytesOf(
  "-CROSSSLOT Keys in request don't hash to the same slot",
);
/** The same for those who know no slots. */
export const REPLY_KEYS_APART: Buffer = bytesOf(
  "-CROSSSLOT Keys in request don't hash to the same slot; those with the same {tag} in their names do",
);
export const REPLY_TRANSACTION_APART: Buffer = bytesOf(
  "-CROSSSLOT Keys in transaction don't hash to the same shard; those with the same {tag} in their names do",
);
/** A command of another proxy may go through no more of them. */
export const REPLY_TOO_MANY_HOPS: Buffer = bytesOf('-ERR_TOO_MANY_REDIRECTIONS');
export const REPLY_SLOT_DOWN: Buffer = bytesOf('-CLUSTERDOWN Hash slot not served');
export const REPLY_NOAUTH: Buffer = bytesOf('-NOAUTH Authentication required.');
export const REPLY_MAX_CLIENTS: Buffer = bytesOf('-ERR max number of clients reached');
export const REPLY_SYNTAX: Buffer = bytesOf('-ERR syntax error');

/** An error reply. Line breaks, which would end it early, become blanks or go, as in Redis. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${onOneLine(text)}\r\n`);
}

/** The same for a text with one character per byte, such as one that quotes bytes by `quotedBytes`. */
export function byteErrorReply(text: string): Buffer {
  return bytesOf(`-${onOneLine(text)}`);
}

/** Bytes of a client for an error text: up to the first NUL, as in Redis, which prints C strings. */
export function quotedBytes(bytes: Uint8Array | undefined, lengthMax: number = Infinity): string {
  if (bytes === undefined) return '';
  const nul = bytes.indexOf(0);
  const end = Math.min(nul < 0 ? bytes.length : nul, lengthMax);
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
}

/** `MOVED` to a peer; `movedSuffix` is " host:port\r\n". */
export function movedReply(slot: number, movedSuffix: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`-MOVED ${slot}`), movedSuffix]);
}

/** Redis' error for a command that it does not know. */
export function unknownCommandReply(args: readonly Buffer[]): Buffer {
  let list = '';
  for (let i = 1; i < args.length && list.length < SHOWN_BYTES_MAX; i++) {
    list += `'${quotedBytes(args[i], SHOWN_BYTES_MAX - list.length)}' `;
  }
  const name = quotedBytes(args[0], SHOWN_BYTES_MAX);
  return byteErrorReply(`ERR unknown command '${name}', with args beginning with: ${list}`);
}

/** Redis' error for a container command with a subcommand that it does not know. */
export function unknownSubcommandReply(args: readonly Buffer[]): Buffer {
  const container = quotedBytes(args[0], SHOWN_BYTES_MAX).toUpperCase();
  const name = quotedBytes(args[1], SHOWN_BYTES_MAX);
  return byteErrorReply(`ERR unknown subcommand '${name}'. Try ${container} HELP.`);
}

/** Redis' error for a subcommand of CLIENT with too many arguments; `given` as the client wrote it. */
export function clientSyntaxReply(given: string): Buffer {
  const what = 'unknown subcommand or wrong number of arguments for';
  return errorReply(`ERR ${what} '${given.slice(0, 128)}'. Try CLIENT HELP.`);
}

/** Redis' error for a wrong number of arguments. */
export function arityReply(name: string): Buffer {
  return errorReply(`ERR wrong number of arguments for '${name}' command`);
}

function onOneLine(text: string): string {
  return text.replace(/[\r\n]+$/, '').replace(/[\r\n]/g, ' ');
}

/** Redis' error for a transaction that an error reply (here with its '-' and line end) put an end to. */
export function execAbortReply(cause: Buffer): Buffer {
  const text = cause.toString().slice(1).trimEnd().replace(/^ERR /, '');
  return errorReply(`EXECABORT Transaction discarded because of: ${text}`);
}

/** Whether an error begins with a code, as those of Redis do. What undermoon 0.6 says about a word that it does not know has none. */
export function hasErrorCode(reply: Buffer): boolean {
  return /^-[A-Z]+ /.test(reply.toString('latin1', 0, ERROR_CODE_BYTES_MAX));
}

/** The error for a command of which nothing reached its server. */
export function unreachableReply(address: string): Buffer {
  return errorReply(`CLUSTERDOWN Hash slot not served: cannot reach ${address}`);
}
