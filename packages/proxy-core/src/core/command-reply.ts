import { Buffer } from 'node:buffer';
import { RespWriter } from '@undermoon/resp';
import { argumentIs } from './command-argument.ts';
import {
  isInCategory,
  isListed,
  keyFlagsOf,
  listedCommands,
  listedSubcommands,
  mayLackKeys,
  takesKeys,
  writeDocs,
  writeHelp,
  writeInfo,
} from './command-info.ts';
import { isArityOk, KeyPositions, locateKeys } from './command-keys.ts';
import {
  type CommandFrame,
  commandName,
  lookupCommand,
  lookupSubcommand,
  resolveCommand,
} from './command-lookup.ts';
import { learnedNames, listedId } from './command-names.ts';
import { COMMAND_ID } from './command-table.generated.ts';
import { type LearnedByName, type LearnedCommand, writeLearned } from './learned-command.ts';
import { matchesGlob } from './glob.ts';

const NONE: LearnedByName = new Map();
const SYNTAX = 'ERR syntax error';

/**
 * Writes the answer to COMMAND and its subcommands; `args` is the whole request. Only commands that the
 * proxy forwards or answers exist here.
 */
export function writeCommandReply(
  writer: RespWriter,
  args: readonly Uint8Array[],
  learned: LearnedByName = NONE,
): void {
  const name = args[1];
  if (name === undefined) {
    writeAll(writer, learned);
    return;
  }
  const id = lookupSubcommand(COMMAND_ID.COMMAND, name, 0, name.length);
  if (id < 0) writer.error(`ERR unknown subcommand '${wordOf(name)}'. Try COMMAND HELP.`);
  else if (!isArityOk(id, args.length)) {
    writer.error(`ERR wrong number of arguments for '${commandName(id)}' command`);
  } else writeSubcommand(writer, id, args, learned);
}

/** The answer to COMMAND alone. */
export function renderCommandList(protocol: 2 | 3, learned: LearnedByName = NONE): Buffer {
  const writer = new RespWriter(protocol);
  writeAll(writer, learned);
  return writer.take();
}

function writeAll(writer: RespWriter, learned: LearnedByName): void {
  const ids = listedCommands();
  const more = [...learned.values()].filter(isTopLevel);
  writer.array(ids.length + more.length);
  for (const id of ids) writeInfo(writer, id);
  for (const command of more) writeLearned(writer, command);
}

/** Whether it is no subcommand of a command that the proxy knows. */
function isTopLevel({ name }: LearnedCommand): boolean {
  return !name.includes('|');
}

/**
 * Writes the answer to COMMAND DOCS for `names`; none: for all. `learned`: names and descriptions as a server wrote them,
 * in turn.
 */
export function writeDocsReply(
  writer: RespWriter,
  names: readonly Uint8Array[],
  learned: readonly Buffer[],
): void {
  const ids = names.length > 0 ? names.map(listedId) : listedCommands();
  const known = ids.filter((id) => id >= 0);
  writer.map(known.length + learned.length / 2);
  for (const id of known) writeDocs(writer, id);
  for (const element of learned) writer.raw(element);
}

/** Writes the answer to a container's HELP; `name` is the container's, such as OBJECT. */
export function writeHelpReply(writer: RespWriter, name: Uint8Array): void {
  writeHelp(writer, lookupCommand(name, 0, name.length));
}

function writeSubcommand(
  writer: RespWriter,
  id: number,
  args: readonly Uint8Array[],
  learned: LearnedByName,
): void {
  switch (id) {
    case COMMAND_ID.COMMAND_COUNT:
      writer.integer(listedCommands().length + [...learned.values()].filter(isTopLevel).length);
      break;
    case COMMAND_ID.COMMAND_INFO:
      if (args.length > 2) writeInfos(writer, args.slice(2), learned);
      else writeAll(writer, learned);
      break;
    case COMMAND_ID.COMMAND_DOCS:
      writeDocsReply(writer, args.slice(2), []);
      break;
    case COMMAND_ID.COMMAND_LIST:
      writeList(writer, args, learned);
      break;
    case COMMAND_ID.COMMAND_GETKEYS:
      writeKeys(writer, args.slice(2), false);
      break;
    case COMMAND_ID.COMMAND_GETKEYSANDFLAGS:
      writeKeys(writer, args.slice(2), true);
      break;
    default:
      writeHelp(writer, COMMAND_ID.COMMAND);
  }
}

function writeInfos(
  writer: RespWriter,
  names: readonly Uint8Array[],
  learned: LearnedByName,
): void {
  writer.array(names.length);
  for (const name of names) {
    const id = listedId(name);
    const command = learned.get(wordOf(name));
    if (id >= 0) writeInfo(writer, id);
    else if (command === undefined) writer.null();
    else writeLearned(writer, command);
  }
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern] */
function writeList(writer: RespWriter, args: readonly Uint8Array[], learned: LearnedByName): void {
  const [, , filter, kind, value] = args;
  const all = [...namesOf(listedCommands()), ...learnedNames(learned)];
  if (filter === undefined) writeNames(writer, all);
  else if (args.length !== 5 || wordOf(filter) !== 'filterby') writer.error(SYNTAX);
  else writeFiltered(writer, all, { kind: wordOf(kind), value: wordOf(value), learned });
}

function writeFiltered(
  writer: RespWriter,
  all: readonly string[],
  {
    kind,
    value,
    learned,
  }: { readonly kind: string; readonly value: string; readonly learned: LearnedByName },
): void {
  // Modules are the servers'.
  if (kind === 'module') writer.array(0);
  else if (kind === 'aclcat') {
    const ids = listedCommands().flatMap((id) => [id, ...listedSubcommands(id)]);
    const found = ids.filter((id) => isInCategory(id, value));
    writeNames(writer, [...found.map(commandName), ...learnedNames(learned, value)]);
  } else if (kind === 'pattern') {
    writeNames(
      writer,
      all.filter((name) => matchesGlob(value.toLowerCase(), name)),
    );
  } else writer.error(SYNTAX);
}

function namesOf(ids: readonly number[]): string[] {
  return ids.flatMap((id) => [id, ...listedSubcommands(id)]).map(commandName);
}

function writeNames(writer: RespWriter, names: readonly string[]): void {
  writer.array(names.length);
  for (const name of names) writer.bulk(name);
}

function writeKeys(writer: RespWriter, words: readonly Uint8Array[], hasFlags: boolean): void {
  const bytes = Buffer.concat(words);
  const frame = frameOf(words);
  const id = resolveCommand(bytes, frame);
  if (id < 0 || !isListed(id)) writer.error('ERR Invalid command specified');
  else if (!takesKeys(id)) writer.error('ERR The command has no key arguments');
  else if (!isArityOk(id, words.length)) {
    writer.error('ERR Invalid number of arguments specified for command');
  } else {
    const keys = new KeyPositions();
    const count = locateKeys(id, bytes, frame, keys);
    if (count > 0) {
      const indexes = [...keys.indexes.subarray(0, count)];
      writer.array(count);
      for (const index of indexes) {
        if (hasFlags) writer.array(2);
        writer.bulk(words[index] ?? '');
        if (hasFlags) writeKeyFlags(writer, keyFlags(id, index, bytes, frame));
      }
    } else if (mayLackKeys(id)) writer.array(0);
    else writer.error('ERR Invalid arguments specified for command');
  }
}

function writeKeyFlags(writer: RespWriter, flags: readonly string[]): void {
  writer.set(flags.length);
  for (const flag of flags) writer.simple(flag);
}

const WRITES = ['OW', 'update'];
const READS = ['RO', 'access'];
const READS_AND_WRITES = ['RW', 'access', 'update'];

/** What SET and BITFIELD do to their key depends on their options. */
function keyFlags(
  id: number,
  index: number,
  bytes: Uint8Array,
  frame: CommandFrame,
): readonly string[] {
  if (id === COMMAND_ID.SET) {
    for (let i = 3; i < frame.argc; i++) {
      if (argumentIs('GET', bytes, frame, i)) return READS_AND_WRITES;
    }
    return WRITES;
  }
  if (id === COMMAND_ID.BITFIELD) {
    for (let i = 2; i < frame.argc;) {
      if (i + 2 < frame.argc && argumentIs('GET', bytes, frame, i)) i += 3;
      else if (i + 1 < frame.argc && argumentIs('OVERFLOW', bytes, frame, i)) i += 2;
      else return READS_AND_WRITES;
    }
    return READS;
  }
  return keyFlagsOf(id, index, frame.argc);
}

/** The frame of words that lie one after the other without anything between them. */
function frameOf(words: readonly Uint8Array[]): CommandFrame {
  const argStart = new Int32Array(words.length);
  const argEnd = new Int32Array(words.length);
  let offset = 0;
  words.forEach((word, i) => {
    argStart[i] = offset;
    offset += word.length;
    argEnd[i] = offset;
  });
  return { argc: words.length, argStart, argEnd };
}

function wordOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString('latin1')
    .toLowerCase();
}
