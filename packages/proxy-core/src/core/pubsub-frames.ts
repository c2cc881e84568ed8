import { Buffer } from 'node:buffer';
import type { RespWriter } from '@undermoon/resp';
import type { TopicKind } from './subscriptions.ts';

/** Where the parts of a message are; filled by `readMessage`, reused from call to call. */
export class MessageParts {
  kind: TopicKind = 'channel';
  /** The pattern, or the channel where there is none. */
  nameStart = 0;
  nameEnd = 0;
  channelStart = 0;
  channelEnd = 0;
}

const ARRAY = 0x2a;
const PUSH = 0x3e;
const CR = 0x0d;
const ZERO = 0x30;
const THREE = 0x33;
const FOUR = 0x34;
const SEVEN = 0x37;
const EIGHT = 0x38;
const LETTER_P = 0x70;
const LETTER_S = 0x73;
/** Of "*3\r\n$", and of that with "7\r\nmessage\r\n" and "8\r\npmessage\r\n". */
const LENGTH_AT = 5;
const WORD_AT = 8;
const MESSAGE_NAME_AT = 17;

const WORDS = {
  channel: { on: 'subscribe', off: 'unsubscribe' },
  pattern: { on: 'psubscribe', off: 'punsubscribe' },
  shard: { on: 'ssubscribe', off: 'sunsubscribe' },
} as const;

/** The commands that begin and end a subscription; also the first words of their confirmations. */
export function subscriptionWord(kind: TopicKind, isOn: boolean): string {
  return isOn ? WORDS[kind].on : WORDS[kind].off;
}

/** What such a word stands for; null: it is none. */
export function parseSubscriptionWord(
  word: string,
): { readonly kind: TopicKind; readonly isOn: boolean } | null {
  for (const kind of ['channel', 'pattern', 'shard'] as const) {
    if (word === WORDS[kind].on) return { kind, isOn: true };
    if (word === WORDS[kind].off) return { kind, isOn: false };
  }
  return null;
}

/**
 * Reads a whole frame that a server sent to a subscriber in protocol 2. False: it is no message, but a confirmation
 * or the answer to PING.
 */
export function readMessage(bytes: Buffer, start: number, out: MessageParts): boolean {
  const size = bytes[start + 1];
  const length = bytes[start + LENGTH_AT];
  if (bytes[start] !== ARRAY || bytes[start + LENGTH_AT + 1] !== CR) return false;
  const letter = bytes[start + WORD_AT];
  let at = start + MESSAGE_NAME_AT;
  if (size === THREE && length === SEVEN) out.kind = 'channel';
  else if (length !== EIGHT) return false;
  else if (size === FOUR && letter === LETTER_P) {
    out.kind = 'pattern';
    at++;
  } else if (size === THREE && letter === LETTER_S) {
    out.kind = 'shard';
    at++;
  } else return false;
  at = headerEnd(bytes, at);
  out.nameStart = at;
  out.nameEnd = at + lengthBefore(bytes, at);
  if (out.kind !== 'pattern') {
    out.channelStart = out.nameStart;
    out.channelEnd = out.nameEnd;
    return true;
  }
  at = headerEnd(bytes, out.nameEnd + 2);
  out.channelStart = at;
  out.channelEnd = at + lengthBefore(bytes, at);
  return true;
}

/** A frame of protocol 2 as the push of protocol 3 that it is the same as but for the first byte. */
export function asPush(frame: Buffer): Buffer {
  const push = Buffer.from(frame);
  push[0] = PUSH;
  return push;
}

/** Writes the confirmation that a subscription began or ended. `name` null: there was none to end. */
export function writeConfirmation(
  writer: RespWriter,
  word: string,
  name: string | null,
  count: number,
): void {
  writer.push(3).bulk(word);
  if (name === null) writer.null();
  else writer.bulk(Buffer.from(name, 'latin1'));
  writer.integer(count);
}

/** The offset behind the header "$<length>\r\n" at `at`, which is whole. */
function headerEnd(bytes: Buffer, at: number): number {
  return bytes.indexOf(CR, at) + 2;
}

/** The number in the header that ends at `end`. */
function lengthBefore(bytes: Buffer, end: number): number {
  let value = 0;
  let scale = 1;
  for (let i = end - 3; ; i--) {
    const digit = (bytes[i] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return value;
    value += digit * scale;
    scale *= 10;
  }
}
