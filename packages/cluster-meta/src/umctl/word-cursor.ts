import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { parseEpoch, type Epoch } from '../epoch.ts';
import { parseNodeAddress, type NodeAddress } from '../node-address.ts';
import { quote } from '../quote.ts';
import { NOT_PLAIN, type WordList } from './word-list.ts';

/** Why a command was refused; the proxy's error reply carries this word. */
export type UmctlErrorCode = 'InvalidVersion' | 'InvalidClusterName' | 'InvalidArgs';

/** The outcome of reading some words. */
export type WordsOutcome<T> = Outcome<T, 'InvalidArgs'>;

/** A refusal whose message names what was read and what is wrong with it. */
export function refuseWords(message: string): Extract<WordsOutcome<never>, { ok: false }> {
  return refuse('InvalidArgs', message);
}

/** Reads the words of one command from left to right. Every word is taken once, so parsing is linear. */
export class WordCursor {
  readonly #words: WordList;
  #position = 0;
  /** The word at the position, once it was looked at. */
  #current: string | undefined;
  #isCurrentKnown = false;

  constructor(words: WordList) {
    this.#words = words;
  }

  /** Words not yet taken. */
  get remaining(): number {
    return this.#words.length - this.#position;
  }

  /** The next word, which stays; undefined at the end. */
  peek(): string | undefined {
    if (!this.#isCurrentKnown) {
      this.#current = this.#words.textAt(this.#position);
      this.#isCurrentKnown = true;
    }
    return this.#current;
  }

  /** Takes the next word; undefined at the end. */
  next(): string | undefined {
    const word = this.peek();
    if (word !== undefined) this.#advance();
    return word;
  }

  /** Takes the next word if it is a range of slots in its usual form: see `WordList.rangeAt`. */
  nextRange(): number {
    const packed = this.#words.rangeAt(this.#position);
    if (packed !== NOT_PLAIN) this.#advance();
    return packed;
  }

  /** Takes the next word as bytes; null at the end. */
  nextBytes(): Uint8Array | null {
    if (this.remaining === 0) return null;
    const bytes = this.#words.bytesAt(this.#position);
    this.#advance();
    return bytes;
  }

  #advance(): void {
    this.#position += 1;
    this.#isCurrentKnown = false;
  }
}

/** Takes any word. `what` names it in the message of a refusal. */
export function takeWord(cursor: WordCursor, what: string): WordsOutcome<string> {
  const word = cursor.next();
  return word === undefined ? refuseWords(`${what}: missing`) : accept(word);
}

/** Takes an epoch: decimal, at most `Number.MAX_SAFE_INTEGER`. */
export function takeEpoch(cursor: WordCursor): WordsOutcome<Epoch> {
  const word = cursor.next();
  if (word === undefined) return refuseWords('epoch: missing');
  const epoch = parseEpoch(word);
  if (epoch !== null) return accept(epoch);
  return refuseWords(`epoch ${quote(word)}: not a whole number up to ${Number.MAX_SAFE_INTEGER}`);
}

/** Takes an address. */
export function takeAddress(cursor: WordCursor, what: string): WordsOutcome<NodeAddress> {
  const word = cursor.next();
  if (word === undefined) return refuseWords(`${what}: missing`);
  const address = parseNodeAddress(word);
  return address === null ? refuseWords(`${what} ${quote(word)}: not host:port`) : accept(address);
}

/** Takes the number of things that follow, each `wordsEach` words long; refuses more than there are. */
export function takeCount(
  cursor: WordCursor,
  what: string,
  wordsEach: number,
): WordsOutcome<number> {
  const word = cursor.next();
  if (word === undefined) return refuseWords(`${what}: missing`);
  const count = /^\d{1,9}$/.test(word) ? Number(word) : null;
  if (count === null) return refuseWords(`${what} ${quote(word)}: not a whole number`);
  return count * wordsEach > cursor.remaining
    ? refuseWords(`${what} ${count}: only ${cursor.remaining} words follow`)
    : accept(count);
}
