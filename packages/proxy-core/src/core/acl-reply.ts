import type { RespWriter } from '@undermoon/resp';
import { isInCategory, listedCommands, listedSubcommands } from './command-info.ts';
import { isArityOk } from './command-keys.ts';
import { commandName, lookupCommand, lookupSubcommand } from './command-lookup.ts';
import { learnedCategories, learnedNames } from './command-names.ts';
import { ACL_CATEGORY_NAMES } from './command-table.generated.ts';
import type { LearnedByName } from './learned-command.ts';
import { byteErrorReply, quotedBytes } from './replies.ts';

/** The one user that a proxy has, in the words of Redis. */
export const USER = 'default';
const RULES = '~* &* +@all';

/** SHA-256 of the password in hexadecimal; null: there is no password. */
export type PasswordHash = string | null;

/** The answer to ACL LIST. */
export function writeAclList(writer: RespWriter, hash: PasswordHash): void {
  const password = hash === null ? 'nopass' : `#${hash}`;
  writer.array(1).bulk(`user ${USER} on ${password} ${RULES}`);
}

/** The answer to ACL GETUSER for the one user. */
export function writeAclUser(writer: RespWriter, hash: PasswordHash): void {
  const flags = ['on', ...(hash === null ? ['nopass'] : [])];
  writer.map(6).bulk('flags').set(flags.length);
  for (const flag of flags) writer.bulk(flag);
  writer.bulk('passwords').array(hash === null ? 0 : 1);
  if (hash !== null) writer.bulk(hash);
  writer.bulk('commands').bulk('+@all');
  writer.bulk('keys').bulk('~*');
  writer.bulk('channels').bulk('&*');
  writer.bulk('selectors').array(0);
}

/** The answer to ACL CAT: the categories, or the commands of one that this proxy and its servers have. */
export function writeAclCategories(
  writer: RespWriter,
  category: string | null,
  learned: LearnedByName,
): void {
  const categories = [...new Set([...ACL_CATEGORY_NAMES, ...learnedCategories(learned)])];
  const isKnown = category !== null && categories.includes(category.toLowerCase());
  if (category !== null && !isKnown) {
    writer.raw(byteErrorReply(`ERR Unknown category '${category}'`));
    return;
  }
  const names =
    category === null
      ? categories
      : listedCommands()
          .flatMap((id) => [id, ...listedSubcommands(id)])
          .filter((id) => isInCategory(id, category))
          .map(commandName)
          .concat(learnedNames(learned, category));
  writer.array(names.length);
  for (const name of names) writer.bulk(name);
}

/** The answer to ACL DRYRUN for a command line: the one user may do everything. */
export function writeAclDryRun(
  writer: RespWriter,
  user: string,
  words: readonly Uint8Array[],
): void {
  const [name = new Uint8Array(), second] = words;
  const container = lookupCommand(name, 0, name.length);
  const sub = second === undefined ? -1 : lookupSubcommand(container, second, 0, second.length);
  const id = sub < 0 ? container : sub;
  if (user !== USER) writer.raw(byteErrorReply(`ERR User '${user}' not found`));
  else if (container < 0) {
    writer.raw(byteErrorReply(`ERR Command '${quotedBytes(name)}' not found`));
  } else if (!isArityOk(id, words.length)) {
    writer.error(`ERR wrong number of arguments for '${commandName(id)}' command`);
  } else writer.simple('OK');
}
