import { Buffer } from 'node:buffer';

const bytesOf = (line: string): Buffer => Buffer.from(`${line}\r\n`, 'latin1');

/** Replies that never change, encoded once. */
export const REPLY_OK: Buffer = bytesOf('+OK');
export const REPLY_PONG: Buffer = bytesOf('+PONG');
export const REPLY_RESET: Buffer = bytesOf('+RESET');
export const REPLY_QUEUED: Buffer = bytesOf('+QUEUED');
export const REPLY_ZERO: Buffer = bytesOf(':0');
export const REPLY_EXECABORT: Buffer = bytesOf(
  '-EXECABORT Transaction discarded because of previous errors.',
);
export const REPLY_CROSSSLOT: Buffer = bytesOf(
  "-CROSSSLOT Keys in request don't hash to the same slot",
);
export const REPLY_SLOT_DOWN: Buffer = bytesOf('-CLUSTERDOWN Hash slot not served');
export const REPLY_NOAUTH: Buffer = bytesOf('-NOAUTH Authentication required.');
export const REPLY_MAX_CLIENTS: Buffer = bytesOf('-ERR max number of clients reached');
export const REPLY_SYNTAX: Buffer = bytesOf('-ERR syntax error');

/** An error reply. Line breaks, which would end it early, become blanks, as Redis does. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text.replace(/[\r\n]/g, ' ')}\r\n`);
}

/** `MOVED` to a peer; `movedSuffix` is " host:port\r\n". */
export function movedReply(slot: number, movedSuffix: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`-MOVED ${slot}`), movedSuffix]);
}

/** Redis' error for a command that it does not know. */
export function unknownCommandReply(args: readonly Buffer[]): Buffer {
  const shown = args.slice(1, 21).map((arg) => `'${clip(arg)}' `);
  let list = '';
  for (const piece of shown) if (list.length < 128) list += piece;
  return errorReply(`ERR unknown command '${clip(args[0])}', with args beginning with: ${list}`);
}

/** Redis' error for a container command with a subcommand that it does not know. */
export function unknownSubcommandReply(args: readonly Buffer[]): Buffer {
  const container = clip(args[0]).toUpperCase();
  return errorReply(`ERR unknown subcommand '${clip(args[1])}'. Try ${container} HELP.`);
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

function clip(arg: Buffer | undefined): string {
  return (arg ?? Buffer.alloc(0)).subarray(0, 128).toString();
}

/** Redis' error for a transaction that an error reply (here with its '-' and line end) put an end to. */
export function execAbortReply(cause: Buffer): Buffer {
  const text = cause.toString().slice(1).trimEnd().replace(/^ERR /, '');
  return errorReply(`EXECABORT Transaction discarded because of: ${text}`);
}

/** The error for a command of which nothing reached its server. */
export function unreachableReply(address: string): Buffer {
  return errorReply(`CLUSTERDOWN Hash slot not served: cannot reach ${address}`);
}
