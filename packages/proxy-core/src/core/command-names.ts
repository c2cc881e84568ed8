import { isListed } from './command-info.ts';
import { lookupCommand, lookupSubcommand } from './command-lookup.ts';
import type { LearnedByName, LearnedCommand } from './learned-command.ts';

const BAR = 0x7c;

/** The id of a command named `get` or `client|id`, also of one that is refused; -1: the table has none. */
export function idOfName(name: Uint8Array): number {
  const bar = name.indexOf(BAR);
  const container = lookupCommand(name, 0, bar < 0 ? name.length : bar);
  return container < 0 || bar < 0
    ? container
    : lookupSubcommand(container, name, bar + 1, name.length);
}

/** The same of commands that COMMAND lists. */
export function listedId(name: Uint8Array): number {
  const id = idOfName(name);
  return id >= 0 && isListed(id) ? id : -1;
}

/** Whether a name, in lower case, is that of a learned command or of its subcommand. */
export function isLearnedName(learned: LearnedByName, name: string): boolean {
  const bar = name.indexOf('|');
  if (learned.has(name)) return true;
  const container = bar < 0 ? undefined : learned.get(name.slice(0, bar));
  return container?.subcommands.has(name.slice(bar + 1)) === true;
}

/** The names of learned commands and their subcommands, of all or those in a category, given without its '@'. */
export function learnedNames(
  learned: LearnedByName,
  category: string | null = null,
): readonly string[] {
  const isWanted = ({ categories }: LearnedCommand): boolean =>
    category === null || categories.includes(`@${category.toLowerCase()}`);
  return [...learned.values()]
    .flatMap((command) => [command, ...command.subcommands.values()])
    .filter(isWanted)
    .map(({ name }) => name);
}

/** Categories of learned commands, without the '@'. */
export function learnedCategories(learned: LearnedByName): readonly string[] {
  const all = [...learned.values()].flatMap(({ categories }) => categories);
  return [...new Set(all)].map((category) => category.replace(/^@/, ''));
}
