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
  for (let i = 3; i + 1 < frame.argc; i++) {
    if (!argumentIs('DB', bytes, frame, i)) continue;
    i++;
    const database = integerArgument(bytes, frame, i);
    // What is no integer is left to the server's own error.
    if (database !== 0 && !Number.isNaN(database)) return OTHER_DATABASE;
  }
  return CONDITION_OK;
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
