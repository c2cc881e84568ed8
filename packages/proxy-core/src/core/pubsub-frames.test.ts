import fc from 'fast-check';
import { encodeCommand } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { asPush, MessageParts, readMessage } from './pubsub-frames.ts';

const part = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));

test('messages are read whatever their bytes', () => {
  const parts = new MessageParts();
  const slice = (bytes: Buffer, start: number, end: number): Buffer => bytes.subarray(start, end);
  fc.assert(
    fc.property(part, part, part, fc.nat(50), (pattern, channel, message, offset) => {
      const cases = [
        ['channel', channel, ['message', channel, message]],
        ['pattern', pattern, ['pmessage', pattern, channel, message]],
        ['shard', channel, ['smessage', channel, message]],
      ] as const;
      for (const [kind, name, words] of cases) {
        const bytes = Buffer.concat([Buffer.alloc(offset), encodeCommand(words)]);
        expect(readMessage(bytes, offset, parts)).toBe(true);
        expect(parts.kind).toBe(kind);
        expect(slice(bytes, parts.nameStart, parts.nameEnd)).toEqual(name);
        expect(slice(bytes, parts.channelStart, parts.channelEnd)).toEqual(channel);
      }
    }),
  );
});

test.each([
  '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n',
  '*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n',
  '*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n',
  '*2\r\n$4\r\npong\r\n$0\r\n\r\n',
  '+PONG\r\n',
  '-ERR no\r\n',
])('%j is no message', (text) => {
  expect(readMessage(Buffer.from(text), 0, new MessageParts())).toBe(false);
});

test('a push differs in the first byte only', () => {
  const frame = encodeCommand(['message', 'a', 'b']);
  expect(asPush(frame).toString()).toBe(`>${frame.toString().slice(1)}`);
  expect(frame.toString('latin1', 0, 1)).toBe('*');
});
