import { argumentIs, integerArgument } from './command-argument.ts';
import type { CommandFrame } from './command-lookup.ts';
import { COMMAND_ID } from './command-table.generated.ts';

/** The options that are met are carried. */
const CONDITION_OK = 0;
/** XREAD, XREADGROUP: with BLOCK, which needs a connection that nobody shares. The keys are found. */
export const BLOCKS = -11;
/** SORT, SORT_RO: keys that a BY pattern leads to may be on other nodes; Redis Cluster refuses it too. */
export const SORT_BY_PATTERN = -12;
/** SORT, SORT_RO: the same for GET. */
export const SORT_GET = -13;
/** COPY: the DB option names another database than 0. */
export const OTHER_DATABASE = -14;
/** COPY: the DB option names a database that no server has unless it is configured to. */
export const NO_SUCH_DATABASE = -15;

/** As many databases as Redis has by default. */
const DATABASES = 16;

/** Whether a code is the fault of an option, which Redis Cluster finds after it has looked where the keys are. */
export function isOptionFault(code: number): boolean {
  return code <= SORT_BY_PATTERN && code >= NO_SUCH_DATABASE;
}

/** Whether a command with the flag HAS_CONDITION has an option that this version does not carry. */
export function checkCondition(id: number, bytes: Uint8Array, frame: CommandFrame): number {
  switch (id) {
    case COMMAND_ID.COPY:
      return checkCopy(bytes, frame);
    case COMMAND_ID.SORT:
    case COMMAND_ID.SORT_RO:
      return checkSort(bytes, frame);
    case COMMAND_ID.XREAD:
    case COMMAND_ID.XREADGROUP:
      return checkStreamRead(bytes, frame);
    default:
      return CONDITION_OK;
  }
}

function checkCopy(bytes: Uint8Array, frame: CommandFrame): number {
  let isOther = false;
  for (let i = 3; i < frame.argc; i++) {
    if (argumentIs('REPLACE', bytes, frame, i)) continue;
    // Other faults, and what is no integer of 32 bits, are left to the server, which copies nothing then.
    if (!argumentIs('DB', bytes, frame, i) || i + 1 === frame.argc) return CONDITION_OK;
    i++;
    const database = integerArgument(bytes, frame, i);
    if (Number.isNaN(database) || (database | 0) !== database) return CONDITION_OK;
    if (database < 0 || database >= DATABASES) return NO_SUCH_DATABASE;
    isOther = database !== 0;
  }
  return isOther ? OTHER_DATABASE : CONDITION_OK;
}

function checkSort(bytes: Uint8Array, frame: CommandFrame): number {
  for (let i = 2; i + 1 < frame.argc; i++) {
    if (argumentIs('GET', bytes, frame, i)) return SORT_GET;
    if (argumentIs('BY', bytes, frame, i)) {
      i++;
      // Without an asterisk BY means "do not sort".
      if (hasAsterisk(bytes, frame, i)) return SORT_BY_PATTERN;
    } else if (argumentIs('LIMIT', bytes, frame, i)) i += 2;
    else if (argumentIs('STORE', bytes, frame, i)) i++;
  }
  return CONDITION_OK;
}

function hasAsterisk(bytes: Uint8Array, frame: CommandFrame, index: number): boolean {
  const end = frame.argEnd[index] ?? 0;
  for (let i = frame.argStart[index] ?? 0; i < end; i++) if (bytes[i] === 42) return true;
  return false;
}

function checkStreamRead(bytes: Uint8Array, frame: CommandFrame): number {
  for (let i = 1; i < frame.argc; i++) {
    if (argumentIs('BLOCK', bytes, frame, i)) return BLOCKS;
    if (argumentIs('COUNT', bytes, frame, i)) i++;
    else if (argumentIs('GROUP', bytes, frame, i)) i += 2;
    else if (!argumentIs('NOACK', bytes, frame, i)) return CONDITION_OK;
  }
  return CONDITION_OK;
}
