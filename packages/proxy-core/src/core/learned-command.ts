import { type RespValue, type RespWriter, textOf } from '@undermoon/resp';
import { argumentIs, integerArgument } from './command-argument.ts';
import type { KeyPositions } from './command-keys.ts';
import type { CommandFrame } from './command-lookup.ts';

/** findLearnedKeys: only the server can tell. */
export const KEYS_UNKNOWN = -1;

/** Names are short words; others are none. */
const NAME = /^[!-~]{1,64}$/;
const SUBCOMMANDS_MAX = 256;

/** Where keys are, in the words of Redis' key specs. */
interface LearnedSpec {
  readonly flags: readonly string[];
  readonly begin:
    | { readonly type: 'index'; readonly index: number }
    | { readonly type: 'keyword'; readonly keyword: string; readonly from: number };
  readonly find:
    | {
        readonly type: 'range';
        readonly last: number;
        readonly step: number;
        readonly limit: number;
      }
    | {
        readonly type: 'keynum';
        readonly at: number;
        readonly first: number;
        readonly step: number;
      };
}

/** A command that only the servers know: what they say about it in the reply to COMMAND INFO. */
export interface LearnedCommand {
  /** Lower case; `container|subcommand` for a subcommand. */
  readonly name: string;
  readonly arity: number;
  readonly flags: ReadonlySet<string>;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  /** Null: they do not tell all, the server has to be asked. */
  readonly specs: readonly LearnedSpec[] | null;
  /** By their own names. */
  readonly subcommands: ReadonlyMap<string, LearnedCommand>;
}

/** Commands by their names. */
export type LearnedByName = ReadonlyMap<string, LearnedCommand>;

/** Whether something may be the name of a command. */
export function isCommandName(name: string): boolean {
  return NAME.test(name);
}

/** Reads the reply to COMMAND INFO; null for each name that the server does not know. */
export function parseCommandInfo(reply: RespValue): readonly (LearnedCommand | null)[] {
  return itemsOf(reply).map((item) => parseEntry(item, true));
}

function parseEntry(entry: RespValue, hasSubcommands: boolean): LearnedCommand | null {
  const [name, arity, flags, first, last, step, categories, tips, specs, subcommands] =
    itemsOf(entry);
  const text = wordOf(name).toLowerCase();
  if (!isCommandName(text)) return null;
  const words = new Set(wordsOf(flags));
  const parsed = itemsOf(specs).map(parseSpec);
  const isComplete = parsed.every((spec) => spec !== null);
  // Servers before Redis 7 have no specs.
  const isOpaque = !isComplete || (parsed.length === 0 && words.has('movablekeys'));
  const subs = hasSubcommands ? itemsOf(subcommands).slice(0, SUBCOMMANDS_MAX) : [];
  const known = subs.map((sub) => parseEntry(sub, false)).filter((sub) => sub !== null);
  return {
    name: text,
    arity: numberOf(arity),
    flags: words,
    firstKey: numberOf(first),
    lastKey: numberOf(last),
    keyStep: numberOf(step),
    categories: wordsOf(categories),
    tips: wordsOf(tips),
    specs: isOpaque ? null : parsed.filter((spec) => spec !== null),
    subcommands: new Map(known.map((sub) => [sub.name.slice(sub.name.indexOf('|') + 1), sub])),
  };
}

/** Null: it cannot be followed. */
function parseSpec(value: RespValue): LearnedSpec | null {
  const fields = fieldsOf(value);
  const flags = wordsOf(fields.get('flags'));
  const begin = typedOf(fields.get('begin_search'));
  const find = typedOf(fields.get('find_keys'));
  if (flags.includes('incomplete') || begin === null || find === null) return null;
  const parsedBegin = beginOf(begin);
  const parsedFind = findOf(find);
  if (parsedBegin === null || parsedFind === null) return null;
  return { flags, begin: parsedBegin, find: parsedFind };
}

interface Typed {
  readonly type: string;
  readonly spec: ReadonlyMap<string, RespValue>;
}

function typedOf(value: RespValue | undefined): Typed | null {
  if (value === undefined) return null;
  const fields = fieldsOf(value);
  const spec = fields.get('spec');
  return spec === undefined ? null : { type: wordOf(fields.get('type')), spec: fieldsOf(spec) };
}

function beginOf({ type, spec }: Typed): LearnedSpec['begin'] | null {
  if (type === 'index') return { type, index: numberOf(spec.get('index')) };
  if (type !== 'keyword') return null;
  const keyword = wordOf(spec.get('keyword')).toUpperCase();
  return { type, keyword, from: numberOf(spec.get('startfrom')) };
}

function findOf({ type, spec }: Typed): LearnedSpec['find'] | null {
  const step = Math.max(1, numberOf(spec.get('keystep')));
  if (type === 'range') {
    return { type, last: numberOf(spec.get('lastkey')), step, limit: numberOf(spec.get('limit')) };
  }
  if (type !== 'keynum') return null;
  return { type, at: numberOf(spec.get('keynumidx')), first: numberOf(spec.get('firstkey')), step };
}

/** The same under the name that the server knows it by: a renamed command is described by its first name. */
export function renamed(command: LearnedCommand, name: string): LearnedCommand {
  const subcommands = [...command.subcommands].map(
    ([own, subcommand]) => [own, { ...subcommand, name: `${name}|${own}` }] as const,
  );
  return { ...command, name, subcommands: new Map(subcommands) };
}

/** Whether so many words, the name included, are acceptable. */
export function isLearnedArityOk({ arity }: LearnedCommand, argc: number): boolean {
  return arity >= 0 ? argc === arity : argc >= -arity;
}

/** Finds the arguments that are keys, as Redis does. Returns their number, or KEYS_UNKNOWN. */
export function findLearnedKeys(
  command: LearnedCommand,
  bytes: Uint8Array,
  frame: CommandFrame,
  out: KeyPositions,
): number {
  out.count = 0;
  const { specs, firstKey, lastKey, keyStep } = command;
  if (specs === null) return KEYS_UNKNOWN;
  if (specs.length === 0) {
    if (firstKey <= 0) return 0;
    const last = lastKey < 0 ? frame.argc + lastKey : lastKey;
    const range = { first: firstKey, last, step: Math.max(1, keyStep) };
    return addRange(out, frame, range) ? out.count : KEYS_UNKNOWN;
  }
  for (const spec of specs) {
    if (spec.flags.includes('not_key')) continue;
    const first = beginAt(spec.begin, bytes, frame);
    if (first > 0 && !addFound(spec.find, first, { bytes, frame }, out)) return KEYS_UNKNOWN;
  }
  return out.count;
}

/** The argument from which keys are looked for; 0: there is none. */
function beginAt(begin: LearnedSpec['begin'], bytes: Uint8Array, frame: CommandFrame): number {
  if (begin.type === 'index') return begin.index;
  const isForward = begin.from > 0;
  let at = isForward ? begin.from : frame.argc + begin.from;
  // The last word cannot be followed by a key.
  for (; at > 0 && at < frame.argc - (isForward ? 1 : 0); at += isForward ? 1 : -1) {
    if (argumentIs(begin.keyword, bytes, frame, at)) return at + 1;
  }
  return 0;
}

function addFound(
  find: LearnedSpec['find'],
  first: number,
  { bytes, frame }: { readonly bytes: Uint8Array; readonly frame: CommandFrame },
  out: KeyPositions,
): boolean {
  if (find.type === 'keynum') {
    if (first + find.at >= frame.argc) return false;
    const count = integerArgument(bytes, frame, first + find.at);
    if (!(count >= 0 && count <= frame.argc)) return false;
    const start = first + find.first;
    const range = { first: start, last: start + (count - 1) * find.step, step: find.step };
    return count === 0 || addRange(out, frame, range);
  }
  let last = first + find.last;
  if (find.last < 0) {
    const { limit } = find;
    last =
      limit > 1
        ? first + Math.trunc((frame.argc - first) / limit) + find.last
        : frame.argc + find.last;
  }
  return addRange(out, frame, { first, last, step: find.step });
}

function addRange(
  out: KeyPositions,
  frame: CommandFrame,
  { first, last, step }: { readonly first: number; readonly last: number; readonly step: number },
): boolean {
  if (first <= 0 || last < first || last >= frame.argc) return false;
  for (let i = first; i <= last; i += step) out.add(i);
  return true;
}

/** Writes an entry of a COMMAND reply. */
export function writeLearned(writer: RespWriter, command: LearnedCommand): void {
  const { specs, subcommands, tips } = command;
  writer.array(10).bulk(command.name).integer(command.arity);
  writeWords(writer, [...command.flags]);
  writer.integer(command.firstKey).integer(command.lastKey).integer(command.keyStep);
  writeWords(writer, command.categories);
  writer.set(tips.length);
  for (const tip of tips) writer.bulk(tip);
  writer.set(specs?.length ?? 0);
  for (const spec of specs ?? []) writeSpec(writer, spec);
  if (subcommands.size === 0) writer.set(0);
  else writer.array(subcommands.size);
  for (const subcommand of subcommands.values()) writeLearned(writer, subcommand);
}

function writeSpec(writer: RespWriter, { flags, begin, find }: LearnedSpec): void {
  writer.map(3).bulk('flags');
  writeWords(writer, flags);
  writer.bulk('begin_search').map(2).bulk('type').bulk(begin.type).bulk('spec');
  if (begin.type === 'index') writer.map(1).bulk('index').integer(begin.index);
  else {
    writer.map(2).bulk('keyword').bulk(begin.keyword);
    writer.bulk('startfrom').integer(begin.from);
  }
  writer.bulk('find_keys').map(2).bulk('type').bulk(find.type).bulk('spec').map(3);
  if (find.type === 'range') {
    writer.bulk('lastkey').integer(find.last).bulk('keystep').integer(find.step);
    writer.bulk('limit').integer(find.limit);
  } else {
    writer.bulk('keynumidx').integer(find.at).bulk('firstkey').integer(find.first);
    writer.bulk('keystep').integer(find.step);
  }
}

function writeWords(writer: RespWriter, words: readonly string[]): void {
  writer.set(words.length);
  for (const word of words) writer.simple(word);
}

/** The fields of a map, which protocol 2 writes as a list. */
function fieldsOf(value: RespValue): ReadonlyMap<string, RespValue> {
  if (value.type === 'map')
    return new Map(value.entries.map(([key, field]) => [wordOf(key), field]));
  const items = itemsOf(value);
  const fields = new Map<string, RespValue>();
  for (let i = 0; i + 1 < items.length; i += 2) {
    const field = items[i + 1];
    if (field !== undefined) fields.set(wordOf(items[i]), field);
  }
  return fields;
}

function itemsOf(value: RespValue | undefined): readonly RespValue[] {
  return value !== undefined && 'items' in value ? value.items : [];
}

function wordOf(value: RespValue | undefined): string {
  return (value === undefined ? null : textOf(value)) ?? '';
}

function wordsOf(value: RespValue | undefined): readonly string[] {
  return itemsOf(value).map(wordOf);
}

function numberOf(value: RespValue | undefined): number {
  const number = Number(wordOf(value));
  return Number.isSafeInteger(number) ? number : 0;
}
