import { argumentIs, integerArgument } from './command-argument.ts';
import type { CommandFrame } from './command-lookup.ts';
import { COMMAND_ID } from './command-table.generated.ts';

/** COUNT is no integer. */
const COUNT_NOT_INTEGER = -21;
/** BLOCK is no integer. */
const BLOCK_NOT_INTEGER = -22;
/** BLOCK is negative. */
const BLOCK_NEGATIVE = -23;
/** Not as many ids as streams. */
const STREAMS_UNBALANCED = -24;
/** XREAD with GROUP. */
const GROUP_IN_XREAD = -25;
/** XREAD with NOACK. */
const NOACK_IN_XREAD = -26;
/** What stands where an option should be is none. */
const NO_OPTION = -5;

/**
 * Whether an XREAD or XREADGROUP names streams, as Redis Cluster finds them: behind options, each with an id. Without, it
 * has no keys, and the fault is found by whatever node is asked.
 */
export function namesStreams(bytes: Uint8Array, frame: CommandFrame): boolean {
  for (let i = 1; i < frame.argc; i++) {
    if (argumentIs('STREAMS', bytes, frame, i)) {
      const left = frame.argc - i - 1;
      return left > 0 && left % 2 === 0;
    }
    if (argumentIs('BLOCK', bytes, frame, i) || argumentIs('COUNT', bytes, frame, i)) i++;
    else if (argumentIs('GROUP', bytes, frame, i)) i += 2;
    else if (!argumentIs('NOACK', bytes, frame, i)) return false;
  }
  return false;
}

/** Why an XREAD or XREADGROUP has no streams to read: the first fault from the left, as Redis finds it. */
export function streamReadFault(id: number, bytes: Uint8Array, frame: CommandFrame): number {
  const isGroup = id === COMMAND_ID.XREADGROUP;
  for (let i = 1; i < frame.argc; i++) {
    const left = frame.argc - i - 1;
    if (left > 0 && argumentIs('BLOCK', bytes, frame, i)) {
      const time = integerArgument(bytes, frame, ++i);
      if (Number.isNaN(time)) return BLOCK_NOT_INTEGER;
      if (time < 0) return BLOCK_NEGATIVE;
    } else if (left > 0 && argumentIs('COUNT', bytes, frame, i)) {
      if (Number.isNaN(integerArgument(bytes, frame, ++i))) return COUNT_NOT_INTEGER;
    } else if (left > 0 && argumentIs('STREAMS', bytes, frame, i)) {
      return left % 2 === 0 ? NO_OPTION : STREAMS_UNBALANCED;
    } else if (left > 1 && argumentIs('GROUP', bytes, frame, i)) {
      if (!isGroup) return GROUP_IN_XREAD;
      i += 2;
    } else if (argumentIs('NOACK', bytes, frame, i)) {
      if (!isGroup) return NOACK_IN_XREAD;
    } else return NO_OPTION;
  }
  return NO_OPTION;
}

/** Redis' error text, without the leading '-', for a fault; '' where it is a syntax error. */
export function streamReadFaultText(name: string, fault: number): string {
  switch (fault) {
    case COUNT_NOT_INTEGER:
      return 'ERR value is not an integer or out of range';
    case BLOCK_NOT_INTEGER:
      return 'ERR timeout is not an integer or out of range';
    case BLOCK_NEGATIVE:
      return 'ERR timeout is negative';
    case STREAMS_UNBALANCED: {
      const id = name === 'xread' ? '$' : '>';
      return `ERR Unbalanced '${name}' list of streams: for each stream key an ID or '${id}' must be specified.`;
    }
    case GROUP_IN_XREAD:
      return 'ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.';
    case NOACK_IN_XREAD:
      return 'ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.';
    default:
      return '';
  }
}
