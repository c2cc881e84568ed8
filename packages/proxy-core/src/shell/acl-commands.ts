import { createHash, randomBytes } from 'node:crypto';
import {
  type PasswordHash,
  USER,
  writeAclCategories,
  writeAclDryRun,
  writeAclList,
  writeAclUser,
} from '../core/acl-reply.ts';
import { integerOf } from '../core/command-argument.ts';
import { errorReply, quotedBytes } from '../core/replies.ts';
import { aclLog } from './acl-log.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

const GENPASS_BITS = 256;
const GENPASS_BITS_MAX = 4096;
const WORD_BYTES_MAX = 512;
const EMPTY = Buffer.alloc(0);
const BAD_BITS = errorReply(
  'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096',
);
const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');

/** ACL, of the one user that there is: who that is and what it may do. */
export function aclCommand(client: Client, args: readonly Buffer[]): void {
  const [, name, ...rest] = args;
  const [first = EMPTY] = rest;
  const word = quotedBytes(first, WORD_BYTES_MAX);
  switch (String(name).toLowerCase()) {
    case 'whoami':
      client.reply(written(client, (writer) => writer.bulk(USER)));
      break;
    case 'users':
      client.reply(written(client, (writer) => writer.array(1).bulk(USER)));
      break;
    case 'list':
      client.reply(written(client, (writer) => writeAclList(writer, hashOf(client))));
      break;
    case 'getuser':
      client.reply(
        written(client, (writer) => {
          if (word === USER) writeAclUser(writer, hashOf(client));
          else writer.null();
        }),
      );
      break;
    case 'cat':
      if (rest.length > 1) client.reply(tooManyReply(name));
      else categories(client, rest.length === 0 ? null : word);
      break;
    case 'genpass':
      genPass(client, name, rest);
      break;
    case 'dryrun':
      client.reply(written(client, (writer) => writeAclDryRun(writer, word, rest.slice(1))));
      break;
    default:
      if (rest.length > 1) client.reply(tooManyReply(name));
      else aclLog(client, rest[0]);
  }
}

function categories(client: Client, category: string | null): void {
  const { context } = client;
  const { learned } = context;
  const answer = (): Buffer =>
    written(client, (writer) => writeAclCategories(writer, category, learned.byName));
  if (learned.learnAll(context, () => client.replyDeferred(answer()))) client.deferReply();
  else client.reply(answer());
}

function genPass(client: Client, name: Buffer | undefined, [given, more]: readonly Buffer[]): void {
  const bits = given === undefined ? GENPASS_BITS : integerOf(given);
  const isGood = bits > 0 && bits <= GENPASS_BITS_MAX;
  if (more !== undefined) client.reply(tooManyReply(name));
  else if (Number.isNaN(bits)) client.reply(NOT_AN_INTEGER);
  else if (!isGood) client.reply(BAD_BITS);
  else {
    const digits = Math.ceil(bits / 4);
    const text = randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits);
    client.reply(written(client, (writer) => writer.bulk(text)));
  }
}

function tooManyReply(name: Buffer | undefined): Buffer {
  const given = quotedBytes(name, WORD_BYTES_MAX);
  return errorReply(
    `ERR unknown subcommand or wrong number of arguments for '${given}'. Try ACL HELP.`,
  );
}

function hashOf({ context }: Client): PasswordHash {
  const { password } = context.options;
  return password === null ? null : createHash('sha256').update(password).digest('hex');
}
