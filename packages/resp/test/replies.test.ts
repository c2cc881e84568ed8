import { describe, expect, it } from 'vitest';
import {
  INCOMPLETE,
  MALFORMED,
  ReplyStream,
  RespProtocolError,
  scanReply,
  ValueDecoder,
} from '../src/index.ts';
import type { RespValue } from '../src/index.ts';
import { MALFORMED_REPLIES, REPLY_CASES } from './cases.ts';
import { expectSame } from './expect-same.ts';
import { cutsOf, followedBy, randomFrom, runSeed } from './cuts.ts';

const seed = runSeed();
console.log(`replies.test.ts: RESP_SEED=${seed}`);

/** What stands behind a reply must not matter: a second reply, and bytes that are none. */
const TAILS = ['', '+x\r\n', '\r\n\r\n', '0123'];

/** Feeds pieces; returns how many bytes belonged to the first reply, or MALFORMED or INCOMPLETE. */
function streamEnd(pieces: readonly Uint8Array[], stream = new ReplyStream()): number {
  let taken = 0;
  for (const piece of pieces) {
    const end = stream.feed(piece, 0, piece.length);
    if (end === MALFORMED) return MALFORMED;
    taken += end;
    if (!stream.isActive && taken > 0) return taken;
  }
  return INCOMPLETE;
}

function decodeAll(pieces: readonly Uint8Array[]): RespValue[] {
  const decoder = new ValueDecoder();
  const values: RespValue[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    for (let value = decoder.next(); value !== undefined; value = decoder.next())
      values.push(value);
  }
  return values;
}

describe.each(REPLY_CASES)('reply: $name', ({ bytes, value }) => {
  it('ends where it ends, for scanner and stream, whatever follows', () => {
    for (const tail of TAILS) {
      const buf = followedBy(bytes, tail);
      expect(scanReply(buf, 0, buf.length)).toBe(bytes.length);
      expect(scanReply(buf, 0, bytes.length)).toBe(bytes.length);
      expect(streamEnd([buf])).toBe(bytes.length);
    }
  });

  it('is found behind other bytes of a buffer', () => {
    const buf = Buffer.concat([Buffer.from('$1\r\n'), bytes, Buffer.from('$1\r\n')]);
    expect(scanReply(buf, 4, buf.length)).toBe(4 + bytes.length);
    expect(new ReplyStream().feed(buf, 4, buf.length)).toBe(4 + bytes.length);
  });

  it('is INCOMPLETE at every shorter end', () => {
    for (let end = 0; end < bytes.length; end++) {
      expect(scanReply(bytes, 0, end)).toBe(INCOMPLETE);
      expect(streamEnd([bytes.subarray(0, end)])).toBe(INCOMPLETE);
    }
  });

  it('passes through the stream at every cut, and the stream is free for the next', () => {
    const random = randomFrom(seed);
    const stream = new ReplyStream();
    for (const pieces of cutsOf(bytes, random)) {
      expect(stream.isActive).toBe(false);
      expect(streamEnd(pieces, stream)).toBe(bytes.length);
    }
  });

  it('decodes to its value at every cut', () => {
    let cuts = 0;
    for (const pieces of cutsOf(bytes, randomFrom(seed))) {
      expectSame(decodeAll(pieces), [value]);
      cuts++;
    }
    expect(cuts).toBeGreaterThan(bytes.length);
  });

  it('is decoded twice from two copies in one push, cut anywhere', () => {
    const twice = Buffer.concat([bytes, bytes]);
    for (let at = 0; at <= twice.length; at++) {
      const pieces = [twice.subarray(0, at), twice.subarray(at)];
      expectSame(decodeAll(pieces), [value, value]);
    }
    expect(decodeAll([twice])).toHaveLength(2);
  });
});

describe.each(MALFORMED_REPLIES)('malformed reply %j', (text, code) => {
  const bytes = Buffer.from(text, 'latin1');

  it('is refused by scanner and stream at the same byte, cut or not', () => {
    let isRefused = false;
    for (let end = 0; end <= bytes.length; end++) {
      const result = scanReply(bytes, 0, end);
      expect(result === INCOMPLETE || result === MALFORMED).toBe(true);
      expect(streamEnd([bytes.subarray(0, end)])).toBe(result);
      expect(streamEnd(Array.from(bytes.subarray(0, end), (byte) => Buffer.of(byte)))).toBe(result);
      // Once refused, more bytes do not help.
      expect(isRefused && result !== MALFORMED).toBe(false);
      isRefused = result === MALFORMED;
    }
    expect(isRefused).toBe(true);
  });

  it('is refused inside an aggregate and behind an attribute too', () => {
    for (const before of ['*2\r\n:1\r\n', '|1\r\n+a\r\n:1\r\n', '%1\r\n']) {
      const buf = Buffer.concat([Buffer.from(before), bytes]);
      expect(scanReply(buf, 0, buf.length)).toBe(MALFORMED);
      expect(streamEnd([buf])).toBe(MALFORMED);
    }
  });

  it(`makes the decoder throw ${code}, now and later, at every cut`, () => {
    for (const pieces of cutsOf(bytes, randomFrom(seed))) {
      const decoder = new ValueDecoder();
      const feed = (): void => {
        for (const piece of pieces) {
          decoder.push(piece);
          while (decoder.next() !== undefined);
        }
      };
      expect(feed).toThrow(RespProtocolError);
      expect(() => decoder.next()).toThrow(expect.objectContaining({ code }));
      expect(() => decoder.push(Buffer.from('+OK\r\n'))).toThrow(expect.objectContaining({ code }));
    }
  });
});

it('all replies of the table run through one stream and one decoder in any chunks', () => {
  const all = Buffer.concat(REPLY_CASES.map(({ bytes }) => bytes));
  const random = randomFrom(seed);
  expect(replyEnds([all])).toHaveLength(REPLY_CASES.length);
  for (let run = 0; run < 50; run++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < all.length;) {
      const next = Math.min(all.length, at + 1 + Math.floor(random() * 400));
      pieces.push(all.subarray(at, next));
      at = next;
    }
    expectSame(
      decodeAll(pieces),
      REPLY_CASES.map(({ value }) => value),
    );
    expectSame(replyEnds(pieces), replyEnds([all]));
  }
});

function replyEnds(pieces: readonly Buffer[]): number[] {
  const stream = new ReplyStream();
  const ends: number[] = [];
  let offset = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      at = stream.feed(piece, at, piece.length);
      expect(at).toBeGreaterThan(0);
      if (!stream.isActive) ends.push(offset + at);
    }
    offset += piece.length;
  }
  return ends;
}
