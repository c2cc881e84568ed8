import { Buffer } from 'node:buffer';
import { encodeCommand, scanReply } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import type { KeyPositions } from './command-keys.ts';
import type { CommandFrame } from './command-lookup.ts';
import { COMMAND_ID } from './command-table.generated.ts';

/** What one server gets of a command that goes to several. */
export interface FanOutPart {
  /** Index of the server. */
  readonly target: number;
  readonly command: Buffer;
  /** Which of the command's keys these are. */
  readonly keys: readonly number[];
  /** Redirections are passed on, not followed. Left out: they are followed. */
  readonly isPassedOn?: boolean;
}

/** How the replies of the parts, some of which may be errors, become one. */
export type Merge = (parts: readonly FanOutPart[], replies: readonly Buffer[]) => Buffer;

/** How a command may be split by its keys. */
export interface Split {
  readonly argumentsPerKey: 1 | 2;
  readonly merge: Merge;
}

const ERROR_MARKER = 0x2d;
const COLON = 0x3a;
const LINE_END = 0x0a;
const EMPTY_ARRAY = Buffer.from('*0\r\n');

/** Commands whose keys may be on several servers, where that is allowed, and how their replies are merged. */
const SPLIT: ReadonlyMap<number, Split> = new Map<number, Split>([
  [COMMAND_ID.MGET, { argumentsPerKey: 1, merge: unlessError(inKeyOrder) }],
  [COMMAND_ID.MSET, { argumentsPerKey: 2, merge: unlessError(firstOf) }],
  [COMMAND_ID.DEL, { argumentsPerKey: 1, merge: unlessError(sum) }],
  [COMMAND_ID.UNLINK, { argumentsPerKey: 1, merge: unlessError(sum) }],
  [COMMAND_ID.EXISTS, { argumentsPerKey: 1, merge: unlessError(sum) }],
  [COMMAND_ID.TOUCH, { argumentsPerKey: 1, merge: unlessError(sum) }],
]);

/** How a command may be split by its keys; null: it may not. */
export function splitOf(id: number): Split | null {
  return SPLIT.get(id) ?? null;
}

/**
 * Splits a command by the servers of its keys. A server from `peerStart` on is another proxy, which takes keys
 * of one slot at a time. Keys of slots that nobody serves are in parts with a negative target.
 */
export function splitByKeys(
  bytes: Buffer,
  frame: CommandFrame,
  keys: KeyPositions,
  routes: {
    slots: Int16Array;
    peerStart: number;
    argumentsPerKey: number;
    /** What becomes of values for servers that are no proxies. */
    store: (value: Uint8Array) => Uint8Array;
  },
): FanOutPart[] {
  const { slots, peerStart, argumentsPerKey, store } = routes;
  const name = bytes.subarray(frame.argStart[0], frame.argEnd[0]);
  const groups = new Map<string, { target: number; keys: number[]; words: Uint8Array[] }>();
  for (let i = 0; i < keys.count; i++) {
    const argument = keys.indexes[i] ?? 0;
    const slot = keySlot(bytes, frame.argStart[argument] ?? 0, frame.argEnd[argument] ?? 0);
    const target = slots[slot] ?? -1;
    const groupName = target < peerStart ? `${target}` : `${target} ${slot}`;
    let group = groups.get(groupName);
    if (group === undefined) groups.set(groupName, (group = { target, keys: [], words: [name] }));
    group.keys.push(i);
    for (let j = argument; j < argument + argumentsPerKey; j++) {
      const word = bytes.subarray(frame.argStart[j], frame.argEnd[j]);
      group.words.push(j > argument && target < peerStart ? store(word) : word);
    }
  }
  return [...groups.values()].map((group) => ({
    target: group.target,
    command: encodeCommand(group.words),
    keys: group.keys,
  }));
}

/** The error that a server answered, if one did: it is the answer to the whole command. */
function firstError(replies: readonly Buffer[]): Buffer | null {
  return replies.find((reply) => reply[0] === ERROR_MARKER) ?? null;
}

/** A merge of replies none of which is an error. */
export function unlessError(merge: Merge): Merge {
  return (parts, replies) => firstError(replies) ?? merge(parts, replies);
}

/** All servers say the same. */
export function firstOf(_: readonly FanOutPart[], replies: readonly Buffer[]): Buffer {
  return replies[0] ?? EMPTY_ARRAY;
}

/** Numbers are added up. */
export function sum(_: readonly FanOutPart[], replies: readonly Buffer[]): Buffer {
  const wrong = replies.find((reply) => reply[0] !== COLON);
  if (wrong !== undefined) return wrong;
  return Buffer.from(
    `:${replies.reduce((total, reply) => total + Number(reply.toString('latin1', 1)), 0)}\r\n`,
  );
}

/** Lists are put one after the other. */
export function concatenated(_: readonly FanOutPart[], replies: readonly Buffer[]): Buffer {
  const lists = replies.map(elementsOf);
  const count = lists.reduce((total, list) => total + list.length, 0);
  return Buffer.concat([Buffer.from(`*${count}\r\n`), ...lists.flat()]);
}

/** Each element goes to the place of its key. */
function inKeyOrder(parts: readonly FanOutPart[], replies: readonly Buffer[]): Buffer {
  const elements: Buffer[] = [];
  parts.forEach(({ keys }, part) => {
    elementsOf(replies[part] ?? EMPTY_ARRAY).forEach((element, i) => {
      elements[keys[i] ?? 0] = element;
    });
  });
  return Buffer.concat([Buffer.from(`*${elements.length}\r\n`), ...elements]);
}

/** The elements of an array reply, each as its bytes. */
export function elementsOf(reply: Buffer): Buffer[] {
  const elements: Buffer[] = [];
  for (let at = reply.indexOf(LINE_END) + 1; at < reply.length;) {
    const end = scanReply(reply, at, reply.length);
    if (end < 0) break;
    elements.push(reply.subarray(at, end));
    at = end;
  }
  return elements;
}
