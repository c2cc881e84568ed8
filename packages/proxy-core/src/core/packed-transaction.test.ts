import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { isOneCommand, PackedCommands, packTransaction } from './packed-transaction.ts';
import { Transaction } from './transaction.ts';

const LIMITS = { bytesMax: 1000, commandsMax: 10 };

function queue(transaction: Transaction, slot: number, ...words: string[]): void {
  const command = encodeCommand(words);
  transaction.queueForwarded(command, 0, command.length, slot);
}

test.each([false, true])(
  'commands come out of the packed form as they went in; kept: %j',
  (isKept) => {
    const transaction = new Transaction(LIMITS, 'shard');
    queue(transaction, 1, 'SET', 'a', 'line\r\nend');
    queue(transaction, 2, 'GET', '');
    queue(transaction, -1, 'PUBLISH', 'c', '*1\r\n$4\r\nPING\r\n');
    const { packed } = transaction;
    const bytes = Buffer.concat([Buffer.from('PING\r\n'), packed]);
    const scanner = new RequestScanner();
    const frame = { bytes, start: 6, end: bytes.length };
    expect(scanner.scan(bytes, frame.start, frame.end)).toBe(bytes.length);
    const packedCommands = new PackedCommands(scanner, frame, isKept);
    expect(packedCommands.frame.start).toBe(isKept ? 0 : 6);
    if (isKept) bytes.fill(0);
    const commands = Array.from({ length: packedCommands.count }, (_, i) => packedCommands.at(i));
    const words = commands.map((command) => {
      expect(isOneCommand(scanner, command)).toBe(true);
      return Array.from({ length: scanner.argc }, (_, i) =>
        command.bytes.toString('latin1', scanner.argStart[i], scanner.argEnd[i]),
      );
    });
    expect(words).toEqual([
      ['SET', 'a', 'line\r\nend'],
      ['GET', ''],
      ['PUBLISH', 'c', '*1\r\n$4\r\nPING\r\n'],
    ]);
    expect(commands.map(({ number }) => number)).toEqual([1, 2, 3]);
  },
);

test.each(['', '\r\n', 'GET a\r\n', '*0\r\n', '*1\r\n$4\r\nPIN', '*1\r\n$1\r\na\r\nx', '*-1\r\n'])(
  '%j is not one command',
  (text) => {
    const bytes = Buffer.from(text);
    const command = { bytes, start: 0, end: bytes.length, number: 1 };
    expect(isOneCommand(new RequestScanner(), command)).toBe(false);
  },
);

test('the packed form is that of a command, whatever the lengths', () => {
  const sizes = [0, 1, 9, 10, 60, 70, 99, 100, 999, 1000, 12_345, 100_000];
  const words = sizes.map((size) => encodeCommand(['SET', 'k', 'v'.repeat(size)]));
  const ends = words.map((_, i) =>
    words.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0),
  );
  const packed = packTransaction(Buffer.concat(words), ends);
  const expected = encodeCommand(['UMCTL', 'TRANSACTION', ...words]);
  expect(packed.equals(expected)).toBe(true);
});

test('a transaction knows its slots', () => {
  const transaction = new Transaction(LIMITS, 'shard');
  expect([...transaction.slots]).toEqual([]);
  queue(transaction, -1, 'PUBLISH', 'c', 'm');
  queue(transaction, 5, 'GET', 'a');
  queue(transaction, 5, 'GET', 'b');
  expect([[...transaction.slots], transaction.hasSeveralSlots]).toEqual([[5], false]);
  transaction.noteSlots([7, 5, 9]);
  expect([[...transaction.slots], transaction.hasSeveralSlots]).toEqual([[5, 7, 9], true]);
  expect(transaction.slot).toBe(5);
});
