import type { RespWriter } from '@undermoon/resp';
import { commandName } from './command-lookup.ts';
import {
  ACL_CATEGORY_NAMES,
  COMMAND_ACL,
  COMMAND_ARITY,
  COMMAND_DEPRECATED_SINCE,
  COMMAND_FLAG,
  COMMAND_FLAGS,
  COMMAND_GROUP,
  COMMAND_GROUPS,
  COMMAND_NAMES,
  COMMAND_PARENT,
  COMMAND_SINCE,
  COMMAND_SUMMARIES,
  COMMAND_TIP,
  COMMAND_TIPS,
  COMMAND_VERDICT,
  FIRST_KEY,
  KEY_FLAG_NAMES,
  KEY_SPEC_FLAGS,
  KEY_SPEC_OFFSET,
  KEY_SPECS,
  KEY_STEP,
  KEY_WORDS,
  LAST_KEY,
  SERVER_FLAG_NAMES,
  SUBCOMMAND_COUNT,
  VERDICT,
} from './command-table.generated.ts';

// The methods of a key spec, in the order of their numbers in KEY_SPECS.
const BEGIN_KINDS: readonly string[] = ['index', 'keyword', 'unknown'];
const FIND_KINDS: readonly string[] = ['range', 'keynum', 'unknown'];
const FIND_FIELDS: readonly (readonly string[])[] = [
  ['lastkey', 'keystep', 'limit'],
  ['keynumidx', 'firstkey', 'keystep'],
  [],
];
const SPEC_SIZE = 7;

/** Whether COMMAND lists the command: it is forwarded or answered. */
export function isListed(id: number): boolean {
  return COMMAND_VERDICT[id] !== VERDICT.REFUSE;
}

/** Ids of all listed commands, without subcommands. */
export function listedCommands(): readonly number[] {
  return [...COMMAND_NAMES.keys()].filter((id) => COMMAND_PARENT[id] === -1 && isListed(id));
}

/** Ids of the listed subcommands of a container. */
export function listedSubcommands(id: number): readonly number[] {
  const count = SUBCOMMAND_COUNT[id] ?? 0;
  return Array.from({ length: count }, (_, i) => id + 1 + i).filter(isListed);
}

/** Whether the command is in an ACL category, given without its '@'. */
export function isInCategory(id: number, category: string): boolean {
  const bit = ACL_CATEGORY_NAMES.indexOf(category.toLowerCase());
  return bit >= 0 && ((COMMAND_ACL[id] ?? 0) & (2 ** bit)) !== 0;
}

/** Writes one entry of a COMMAND reply. Its subcommands are entries themselves. */
export function writeInfo(writer: RespWriter, id: number): void {
  const tips = (COMMAND_TIPS[COMMAND_TIP[id] ?? 0] ?? '').split(' ').filter(Boolean);
  const subcommands = listedSubcommands(id);
  writer
    .array(10)
    .bulk(commandName(id))
    .integer(COMMAND_ARITY[id] ?? 0);
  writeNames(writer, namesOf(COMMAND_FLAGS[id] ?? 0, SERVER_FLAG_NAMES));
  writer
    .integer(FIRST_KEY[id] ?? 0)
    .integer(LAST_KEY[id] ?? 0)
    .integer(KEY_STEP[id] ?? 0);
  const categories = namesOf(COMMAND_ACL[id] ?? 0, ACL_CATEGORY_NAMES);
  writeNames(
    writer,
    categories.map((category) => `@${category}`),
  );
  writer.set(tips.length);
  for (const tip of tips) writer.bulk(tip);
  writeKeySpecs(writer, id);
  // Redis writes none as an empty set, but some as an array.
  if (subcommands.length === 0) writer.set(0);
  else writer.array(subcommands.length);
  for (const subcommand of subcommands) writeInfo(writer, subcommand);
}

/** Writes the name and the entry of a COMMAND DOCS reply. */
export function writeDocs(writer: RespWriter, id: number): void {
  const deprecatedSince = COMMAND_DEPRECATED_SINCE[id] ?? '';
  const subcommands = listedSubcommands(id);
  const fieldCount = 3 + (deprecatedSince === '' ? 0 : 2) + (subcommands.length > 0 ? 1 : 0);
  writer.bulk(commandName(id)).map(fieldCount);
  writer.bulk('summary').bulk(COMMAND_SUMMARIES[id] ?? '');
  writer.bulk('since').bulk(COMMAND_SINCE[id] ?? '');
  writer.bulk('group').bulk(COMMAND_GROUPS[COMMAND_GROUP[id] ?? 0] ?? '');
  if (deprecatedSince !== '') {
    writer.bulk('doc_flags').set(1).simple('deprecated');
    writer.bulk('deprecated_since').bulk(deprecatedSince);
  }
  if (subcommands.length === 0) return;
  writer.bulk('subcommands').map(subcommands.length);
  for (const subcommand of subcommands) writeDocs(writer, subcommand);
}

/** Writes the answer to a container's HELP. */
export function writeHelp(writer: RespWriter, id: number): void {
  const subcommands = listedSubcommands(id);
  writer.array(1 + 2 * subcommands.length);
  const container = commandName(id).toUpperCase();
  writer.simple(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
  for (const subcommand of subcommands) {
    const name = commandName(subcommand);
    writer.simple(name.slice(name.indexOf('|') + 1).toUpperCase());
    writer.simple(`    ${COMMAND_SUMMARIES[subcommand] ?? ''}.`);
  }
}

/** What is done to the key at argument `index`, in the words of Redis' key specs. */
export function keyFlagsOf(id: number, index: number, argc: number): readonly string[] {
  const end = KEY_SPEC_OFFSET[id + 1] ?? 0;
  let spec = KEY_SPEC_OFFSET[id] ?? 0;
  while (spec + 1 < end && !coversArgument(spec, index, argc)) spec++;
  return namesOf(KEY_SPEC_FLAGS[spec] ?? 0, KEY_FLAG_NAMES);
}

/** Whether a spec without a keyword leads to the argument. */
function coversArgument(spec: number, index: number, argc: number): boolean {
  const [begin = 0, first = 0, , find = 0, lastKey = 0] = specNumbers(spec);
  if (BEGIN_KINDS[begin] !== 'index' || index < first) return false;
  if (FIND_KINDS[find] !== 'range') return FIND_KINDS[find] === 'keynum';
  return index <= (lastKey < 0 ? argc + lastKey : first + lastKey);
}

function writeKeySpecs(writer: RespWriter, id: number): void {
  const start = KEY_SPEC_OFFSET[id] ?? 0;
  const end = KEY_SPEC_OFFSET[id + 1] ?? 0;
  writer.set(end - start);
  for (let spec = start; spec < end; spec++) {
    const [begin = 0, first = 0, word = 0, find = 0, ...values] = specNumbers(spec);
    writer.map(3).bulk('flags');
    writeNames(writer, namesOf(KEY_SPEC_FLAGS[spec] ?? 0, KEY_FLAG_NAMES));
    const kind = BEGIN_KINDS[begin] ?? '';
    writer.bulk('begin_search').map(2).bulk('type').bulk(kind).bulk('spec');
    if (kind === 'index') writer.map(1).bulk('index').integer(first);
    else if (kind === 'keyword') {
      writer
        .map(2)
        .bulk('keyword')
        .bulk(KEY_WORDS[word] ?? '');
      writer.bulk('startfrom').integer(first);
    } else writer.map(0);
    const fields = FIND_FIELDS[find] ?? [];
    writer
      .bulk('find_keys')
      .map(2)
      .bulk('type')
      .bulk(FIND_KINDS[find] ?? '');
    writer.bulk('spec').map(fields.length);
    fields.forEach((field, i) => writer.bulk(field).integer(values[i] ?? 0));
  }
}

function specNumbers(spec: number): Int8Array {
  return KEY_SPECS.subarray(spec * SPEC_SIZE, (spec + 1) * SPEC_SIZE);
}

function namesOf(bits: number, names: readonly string[]): readonly string[] {
  return names.filter((_, bit) => (bits & (2 ** bit)) !== 0);
}

function writeNames(writer: RespWriter, names: readonly string[]): void {
  writer.set(names.length);
  for (const name of names) writer.simple(name);
}

/** Whether the command takes keys at all; channels of shards are none. */
export function takesKeys(id: number): boolean {
  const start = KEY_SPEC_OFFSET[id] ?? 0;
  const end = KEY_SPEC_OFFSET[id + 1] ?? 0;
  return KEY_SPEC_FLAGS.subarray(start, end).some(
    (flags) => !namesOf(flags, KEY_FLAG_NAMES).includes('not_key'),
  );
}

/** Whether the command may be given without a key although it takes keys. */
export function mayLackKeys(id: number): boolean {
  return ((COMMAND_FLAGS[id] ?? 0) & COMMAND_FLAG.NO_MANDATORY_KEYS) !== 0;
}
