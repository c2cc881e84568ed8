import type { RespWriter } from '@undermoon/resp';
import { isInCategory, listedCommands, listedSubcommands } from './command-info.ts';
import { commandName, lookupCommand } from './command-lookup.ts';
import { ACL_CATEGORY_NAMES } from './command-table.generated.ts';

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

/** The answer to ACL CAT: the categories, or the commands of one that this proxy lists. */
export function writeAclCategories(writer: RespWriter, category: string | null): void {
  const isKnown = category !== null && ACL_CATEGORY_NAMES.includes(category.toLowerCase());
  if (category !== null && !isKnown) {
    writer.error(`ERR Unknown category '${category}'`);
    return;
  }
  const names =
    category === null
      ? ACL_CATEGORY_NAMES
      : listedCommands()
          .flatMap((id) => [id, ...listedSubcommands(id)])
          .filter((id) => isInCategory(id, category))
          .map(commandName);
  writer.array(names.length);
  for (const name of names) writer.bulk(name);
}

/** The answer to ACL DRYRUN: the one user may do everything. */
export function writeAclDryRun(writer: RespWriter, user: string, command: Uint8Array): void {
  if (user !== USER) writer.error(`ERR User '${user}' not found`);
  else if (lookupCommand(command, 0, command.length) < 0) {
    writer.error(`ERR Command '${new TextDecoder('latin1').decode(command)}' not found`);
  } else writer.simple('OK');
}
