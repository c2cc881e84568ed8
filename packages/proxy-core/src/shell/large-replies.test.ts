import { DEFAULT_RESP_LIMITS } from '@undermoon/resp';
import { systemClock } from '@undermoon/runtime/node';
import { expect, test } from 'vitest';
import { DataLoop } from './data-loop.ts';
import { LargeReply, type LargeReplyTarget, PIECE_BYTES } from './large-replies.ts';

const TURN_BYTES = 4 * PIECE_BYTES;

/** Takes pieces, at once or not. */
class Taker implements LargeReplyTarget {
  readonly isBacklogged = false;
  isClosed = false;
  isFull = false;
  receivedBytes = 0;
  sentCount = 0;
  largestPiece = 0;
  readonly #log: Taker[];

  constructor(log: Taker[]) {
    this.#log = log;
  }

  send(bytes: Uint8Array): boolean {
    this.largestPiece = Math.max(this.largestPiece, bytes.length);
    this.receivedBytes += bytes.length;
    return !this.isFull;
  }

  onLargeReplySent(): void {
    this.sentCount++;
    this.#log.push(this);
  }
}

function start(count: number, bytes: Buffer) {
  const loop = new DataLoop({ limits: DEFAULT_RESP_LIMITS, clock: systemClock });
  const sent: Taker[] = [];
  const takers = Array.from({ length: count }, () => new Taker(sent));
  const replies = takers.map((taker) => new LargeReply(loop.largeReplies, taker, bytes));
  for (const reply of replies) reply.resume();
  return { takers, replies, sent };
}

/** Resolves at the end of the next turn of the loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const sumOf = (takers: readonly Taker[]): number =>
  takers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);

test('a turn hands over a bounded number of bytes, however many clients wait', async () => {
  const bytes = Buffer.alloc(10 * PIECE_BYTES + 1);
  const { takers, sent } = start(200, bytes);
  let turns = 0;
  for (let before = 0; sent.length < takers.length; before = sumOf(takers)) {
    await nextTurn();
    turns += 1;
    expect(sumOf(takers) - before).toBeLessThanOrEqual(TURN_BYTES);
  }
  expect(sumOf(takers)).toBe(200 * bytes.length);
  expect(Math.max(...takers.map((taker) => taker.largestPiece))).toBe(PIECE_BYTES);
  expect(turns).toBeGreaterThanOrEqual((200 * bytes.length) / TURN_BYTES);
  // In the order in which they asked, each once.
  expect(sent).toEqual(takers);
});

test('a client whose socket is full lets others go ahead, and goes on when it has room', async () => {
  const bytes = Buffer.alloc(5 * PIECE_BYTES);
  const { takers, replies, sent } = start(3, bytes);
  const [full, ...others] = takers;
  full!.isFull = true;
  while (sent.length < others.length) await nextTurn();
  expect(sent).toEqual(others);
  expect(full!.receivedBytes).toBe(PIECE_BYTES);
  full!.isFull = false;
  // The drain of a socket may be told more than once.
  replies[0]!.resume();
  replies[0]!.resume();
  while (sent.length < 3) await nextTurn();
  expect(full!.receivedBytes).toBe(bytes.length);
  expect(full!.sentCount).toBe(1);
});

test('nothing is sent to a client that is gone', async () => {
  const { takers, sent } = start(3, Buffer.alloc(6 * PIECE_BYTES));
  await nextTurn();
  takers[0]!.isClosed = true;
  takers[1]!.isClosed = true;
  while (sent.length === 0) await nextTurn();
  expect(sent).toEqual([takers[2]]);
  expect(takers[1]!.receivedBytes).toBe(0);
});
