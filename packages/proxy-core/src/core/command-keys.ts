import { keySlot } from '@undermoon/slots';
import { argumentIs, integerArgument } from './command-argument.ts';
import {
  checkCondition,
  NO_SUCH_DATABASE,
  OTHER_DATABASE,
  SORT_BY_PATTERN,
  SORT_GET,
} from './command-condition.ts';
import { type CommandFrame, commandName, hasFlag, resolveSubcommand } from './command-lookup.ts';
import {
  COMMAND_ARITY,
  COMMAND_FLAG,
  COMMAND_FLAGS,
  COMMAND_ID,
  COMMAND_KEY_FINDER,
  FIRST_KEY,
  KEY_FINDER,
  KEY_SPEC_OFFSET,
  KEY_SPECS,
  KEY_STEP,
  KEY_WORDS,
  LAST_KEY,
  SINGLE_KEY,
} from './command-table.generated.ts';
import { namesStreams, streamReadFault, streamReadFaultText } from './stream-read-fault.ts';

/** findKeys: the number of arguments does not fit the command. */
export const BAD_ARITY = -1;
/** findKeys: the argument that counts the keys is no integer. */
export const NUMKEYS_NOT_INTEGER = -2;
/** findKeys: the count of keys is negative, or zero where a key is needed. */
export const NUMKEYS_TOO_SMALL = -3;
/** findKeys: more keys are announced than there are arguments. */
export const NUMKEYS_TOO_LARGE = -4;
/** findKeys: the arguments do not lead to keys in another way. */
export const KEYS_SYNTAX = -5;
/** findKeys: a script without keys, which any server may run. */
export const SCRIPT_WITHOUT_KEYS = -6;

/** slotOfKeys: there is no key. */
export const SLOT_NONE = -1;
/** slotOfKeys: the keys are in different slots. */
export const SLOTS_DIFFER = -2;

/** Indexes of arguments that are keys; filled by `findKeys`, reused from call to call. */
export class KeyPositions {
  /** Valid up to `count`; replaced when it grows, so read the field anew after each call. */
  indexes: Int32Array = new Int32Array(16);
  count = 0;

  add(index: number): void {
    if (this.count === this.indexes.length) {
      const larger = new Int32Array(this.count * 2);
      larger.set(this.indexes);
      this.indexes = larger;
    }
    this.indexes[this.count++] = index;
  }
}

/** Whether `argc` words, the name included, are acceptable for the command. */
export function isArityOk(id: number, argc: number): boolean {
  const arity = COMMAND_ARITY[id]!;
  return arity >= 0 ? argc === arity : argc >= -arity;
}

/**
 * The index of the argument that is the only key of a forwarded command; 0 if the command takes no key; -1
 * if it must be looked at closer: it takes several keys, has them in places that vary, has options that
 * this version refuses, or is refused as a whole.
 */
export function singleKeyIndex(id: number): number {
  return SINGLE_KEY[id]!;
}

/**
 * Finds the arguments that are keys of a command to be forwarded. Returns their number (0 only for
 * commands that never have a key), or a negative code: BLOCKS, SCRIPT_WITHOUT_KEYS, or one for `keyErrorText` if the arguments do
 * not fit or have an option that this version does not carry. A container's id stands for the subcommand that the request names.
 */
export function findKeys(
  id: number,
  bytes: Uint8Array,
  frame: CommandFrame,
  out: KeyPositions,
): number {
  const count = locateKeys(id, bytes, frame, out);
  const isStreamRead = id === COMMAND_ID.XREAD || id === COMMAND_ID.XREADGROUP;
  if (isStreamRead && count !== BAD_ARITY && !namesStreams(bytes, frame)) {
    return streamReadFault(id, bytes, frame);
  }
  if (count === 0 && hasOptionalKeys(id)) return SCRIPT_WITHOUT_KEYS;
  if (count <= 0 || (COMMAND_FLAGS[id]! & COMMAND_FLAG.HAS_CONDITION) === 0) return count;
  const refusal = checkCondition(id, bytes, frame);
  return refusal < 0 ? refusal : count;
}

/** As `findKeys`, but only as Redis' COMMAND GETKEYS: any command, any option, scripts without keys. */
export function locateKeys(
  id: number,
  bytes: Uint8Array,
  frame: CommandFrame,
  out: KeyPositions,
): number {
  out.count = 0;
  if (!isArityOk(id, frame.argc)) return BAD_ARITY;
  switch (COMMAND_KEY_FINDER[id]) {
    case KEY_FINDER.FIXED:
      out.add(FIRST_KEY[id]!);
      return 1;
    case KEY_FINDER.RANGE:
      return findRange(id, frame.argc, out);
    case KEY_FINDER.SPECS:
      return findBySpecs(id, bytes, frame, out);
    case KEY_FINDER.SORT:
      return findSortKeys(bytes, frame, out);
    case KEY_FINDER.MIGRATE:
      return findMigrateKeys(bytes, frame, out);
    case KEY_FINDER.SUBCOMMAND: {
      const subcommand = resolveSubcommand(id, bytes, frame);
      return subcommand < 0 ? KEYS_SYNTAX : locateKeys(subcommand, bytes, frame, out);
    }
    default:
      return 0;
  }
}

/**
 * The error, without the leading '-', for a negative result of `findKeys`: Redis' text where it has one. `isPlain`: that of a
 * server without cluster mode, which has one database.
 */
export function keyErrorText(id: number, code: number, isPlain = false): string {
  const name = commandName(id);
  switch (code) {
    case BAD_ARITY:
      return `ERR wrong number of arguments for '${name}' command`;
    case NUMKEYS_NOT_INTEGER:
      return wantsPositive(id) ? NOT_POSITIVE : 'ERR value is not an integer or out of range';
    case NUMKEYS_TOO_SMALL:
      if (hasOptionalKeys(id)) return "ERR Number of keys can't be negative";
      if (wantsPositive(id)) return NOT_POSITIVE;
      return `ERR at least 1 input key is needed for '${name}' command`;
    case NUMKEYS_TOO_LARGE:
      return hasOptionalKeys(id) || id === COMMAND_ID.SINTERCARD ? MORE_KEYS_THAN_WORDS : SYNTAX;
    case SORT_BY_PATTERN:
      return 'ERR BY option of SORT denied in Cluster mode.';
    case SORT_GET:
      return 'ERR GET option of SORT denied in Cluster mode.';
    case NO_SUCH_DATABASE:
      return NO_SUCH_DATABASE_TEXT;
    case OTHER_DATABASE:
      return isPlain
        ? NO_SUCH_DATABASE_TEXT
        : 'ERR Copying to another database is not allowed in cluster mode';
    default:
      return streamReadFaultText(name, code) || SYNTAX;
  }
}

const SYNTAX = 'ERR syntax error';
const NO_SUCH_DATABASE_TEXT = 'ERR DB index is out of range';
const NOT_POSITIVE = 'ERR numkeys should be greater than 0';
const MORE_KEYS_THAN_WORDS = "ERR Number of keys can't be greater than number of args";

function wantsPositive(id: number): boolean {
  switch (id) {
    case COMMAND_ID.SINTERCARD:
    case COMMAND_ID.LMPOP:
    case COMMAND_ID.ZMPOP:
    case COMMAND_ID.BLMPOP:
    case COMMAND_ID.BZMPOP:
      return true;
    default:
      return false;
  }
}

/** The slot that all found keys share, SLOT_NONE or SLOTS_DIFFER. */
export function slotOfKeys(bytes: Uint8Array, frame: CommandFrame, keys: KeyPositions): number {
  const { indexes, count } = keys;
  let slot = SLOT_NONE;
  for (let i = 0; i < count; i++) {
    const argument = indexes[i]!;
    const next = keySlot(bytes, frame.argStart[argument]!, frame.argEnd[argument]!);
    if (slot >= 0 && next !== slot) return SLOTS_DIFFER;
    slot = next;
  }
  return slot;
}

function findRange(id: number, argc: number, out: KeyPositions): number {
  const lastKey = LAST_KEY[id]!;
  const last = lastKey < 0 ? argc + lastKey : lastKey;
  const step = KEY_STEP[id]!;
  for (let i = FIRST_KEY[id]!; i <= last; i += step) out.add(i);
  return out.count;
}

const SPEC_SIZE = 7;
const BEGIN_KEYWORD = 1;
const FIND_KEYNUM = 1;

function findBySpecs(
  id: number,
  bytes: Uint8Array,
  frame: CommandFrame,
  out: KeyPositions,
): number {
  const end = KEY_SPEC_OFFSET[id + 1]! * SPEC_SIZE;
  for (let at = KEY_SPEC_OFFSET[id]! * SPEC_SIZE; at < end; at += SPEC_SIZE) {
    let first = KEY_SPECS[at + 1]!;
    if (KEY_SPECS[at] === BEGIN_KEYWORD) {
      first = findKeyword(KEY_WORDS[KEY_SPECS[at + 2]!]!, first, bytes, frame);
      if (first < 0) continue;
    }
    let code = 0;
    if (KEY_SPECS[at + 3] === FIND_KEYNUM) {
      const count = countOf(id, first + KEY_SPECS[at + 4]!, bytes, frame);
      code = count < 0 ? count : addCounted(first + KEY_SPECS[at + 5]!, count, frame.argc, out);
    } else code = addRange(first, at, frame.argc, out);
    if (code < 0) return code;
  }
  return out.count > 0 || hasOptionalKeys(id) ? out.count : KEYS_SYNTAX;
}

/** The argument after the keyword, -1 if it is missing. The last argument cannot be the keyword. */
function findKeyword(
  keyword: string,
  from: number,
  bytes: Uint8Array,
  frame: CommandFrame,
): number {
  for (let i = from; i < frame.argc - 1; i++) {
    if (argumentIs(keyword, bytes, frame, i)) return i + 1;
  }
  return -1;
}

function addRange(first: number, at: number, argc: number, out: KeyPositions): number {
  const lastKey = KEY_SPECS[at + 4]!;
  const limit = KEY_SPECS[at + 6]!;
  let last = first + lastKey;
  // With a limit of n only an n-th of the arguments from here on are keys: XREAD's streams before its ids.
  if (lastKey < 0) {
    last = limit > 1 ? first + Math.trunc((argc - first) / limit) + lastKey : argc + lastKey;
  }
  if (last >= argc || last < first) return KEYS_SYNTAX;
  for (let i = first; i <= last; i += KEY_SPECS[at + 5]!) out.add(i);
  return 0;
}

/** The number of keys that an argument announces, or why it cannot be one. */
function countOf(id: number, index: number, bytes: Uint8Array, frame: CommandFrame): number {
  const count = integerArgument(bytes, frame, index);
  if (Number.isNaN(count)) return NUMKEYS_NOT_INTEGER;
  return count < 0 || (count === 0 && !hasOptionalKeys(id)) ? NUMKEYS_TOO_SMALL : count;
}

function addCounted(first: number, count: number, argc: number, out: KeyPositions): number {
  if (count > argc - first) return NUMKEYS_TOO_LARGE;
  for (let i = 0; i < count; i++) out.add(first + i);
  return 0;
}

function hasOptionalKeys(id: number): boolean {
  return hasFlag(id, COMMAND_FLAG.NO_MANDATORY_KEYS);
}

/** SORT: the key and the last STORE; the arguments of other options are stepped over. */
function findSortKeys(bytes: Uint8Array, frame: CommandFrame, out: KeyPositions): number {
  out.add(1);
  let store = -1;
  for (let i = 2; i < frame.argc; i++) {
    if (argumentIs('LIMIT', bytes, frame, i)) i += 2;
    else if (argumentIs('GET', bytes, frame, i)) i++;
    else if (argumentIs('BY', bytes, frame, i)) i++;
    else if (argumentIs('STORE', bytes, frame, i) && i + 1 < frame.argc) store = i + 1;
  }
  if (store > 0) out.add(store);
  return out.count;
}

/** MIGRATE: one key at 3, or, when that is empty, all after KEYS. */
function findMigrateKeys(bytes: Uint8Array, frame: CommandFrame, out: KeyPositions): number {
  let first = 3;
  let last = 3;
  // As in the key specs, KEYS as the last word is no keyword; with another one before it, it is.
  const end = findKeyword('KEYS', 2, bytes, frame) < 0 ? 0 : frame.argc;
  for (let i = 6; i < end; i++) {
    if (argumentIs('KEYS', bytes, frame, i)) {
      if (frame.argEnd[3]! > frame.argStart[3]!) return KEYS_SYNTAX;
      first = i + 1;
      last = frame.argc - 1;
      break;
    }
    if (argumentIs('AUTH', bytes, frame, i)) i++;
    else if (argumentIs('AUTH2', bytes, frame, i)) i += 2;
  }
  for (let i = first; i <= last; i++) out.add(i);
  return out.count;
}
