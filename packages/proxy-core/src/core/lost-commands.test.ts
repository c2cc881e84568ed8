import { encodeCommand } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { type CommandPiece, type LosingSink, type ResendRules, sortOut } from './lost-commands.ts';

const RULES: ResendRules = { nowMs: 1000, waitMs: 500, canRepeatReads: true, isCut: false };
const client = (name: string): LosingSink & { name: string } => ({ name, owner: null });
const [a, b] = [client('a'), client('b')];

/** `sent` of the commands, the others are cut off in the middle of the first. */
function piece(sent: number, ...commands: string[]): CommandPiece {
  const frames = commands.map((line) => encodeCommand(line.split(' ')));
  const whole = Buffer.concat(frames.slice(0, sent)).length;
  const next = frames[sent];
  const sentBytes = whole + (next === undefined ? 0 : next.length - 1);
  return { bytes: Buffer.concat(frames), sentBytes, lostAtMs: -1, wasSent: false };
}

function outcome(
  runs: readonly { sink: LosingSink & { name: string }; count: number }[],
  pieces: readonly CommandPiece[],
  rules: Partial<ResendRules> = {},
  answeredCount = 0,
): { failed: string[]; again: string[] } {
  const { failed, again } = sortOut(runs, { pieces, answeredCount }, { ...RULES, ...rules });
  return {
    failed: failed.map(({ sink, count, isNever }) => `${sink.name}${count}${isNever ? '!' : ''}`),
    again: again.map(({ sink, bytes, wasSent }) => {
      const lines = bytes.toString().trimEnd().split('\r\n');
      const words = lines.filter((line) => !/^[*$]/.test(line));
      return `${sink.name}: ${words.join(' ')}${wasSent ? ' (sent)' : ''}`;
    }),
  };
}

test('what was not handed over whole is sent again, reads that were sent too, writes are not', () => {
  const lost = piece(3, 'SET k 1', 'GET k', 'EXISTS k', 'SET k 2', 'GET k');
  expect(outcome([{ sink: a, count: 5 }], [lost])).toEqual({
    failed: ['a1'],
    again: ['a: GET k (sent)', 'a: EXISTS k (sent)', 'a: SET k 2', 'a: GET k'],
  });
});

test('a read before a write that may have been executed could see it, so it is not repeated', () => {
  const lost = piece(4, 'GET k', 'SET k 1', 'GET k', 'GET k');
  const runs = [
    { sink: a, count: 2 },
    { sink: b, count: 1 },
    { sink: a, count: 1 },
  ];
  expect(outcome(runs, [lost])).toEqual({
    failed: ['a2'],
    again: ['b: GET k (sent)', 'a: GET k (sent)'],
  });
});

test('commands of one owner keep their order, whatever waits for their replies', () => {
  const part = { ...client('part'), owner: a };
  const lost = piece(2, 'GET k', 'MSET k 1', 'GET k');
  const runs = [
    { sink: a, count: 1 },
    { sink: part, count: 1 },
    { sink: a, count: 1 },
  ];
  expect(outcome(runs, [lost])).toEqual({ failed: ['a1', 'part1'], again: ['a: GET k'] });
});

test('a transaction is one command that ends with EXEC', () => {
  const call = { ...client('exec'), owner: a, unitSize: 3 };
  const runs = [
    { sink: call, count: 1 },
    { sink: call, count: 1 },
    { sink: call, count: 1 },
  ];
  const commands = ['MULTI', 'GET k', 'EXEC'];
  // The server drops what it has queued when the connection ends.
  expect(outcome(runs, [piece(2, ...commands)])).toEqual({
    failed: [],
    again: ['exec: MULTI GET k EXEC'],
  });
  expect(outcome(runs, [piece(3, ...commands)])).toEqual({ failed: ['exec3'], again: [] });
  // The reply to MULTI has come already, so it cannot begin anew.
  expect(outcome(runs.slice(1), [piece(2, ...commands)], {}, 1)).toEqual({
    failed: ['exec2!'],
    again: [],
  });
});

test('answered commands are skipped, those that were not kept fail', () => {
  const lost = piece(2, 'GET x', 'GET k', 'SET k 1');
  expect(outcome([{ sink: a, count: 2 }], [lost], {}, 1).again).toEqual([
    'a: GET k (sent)',
    'a: SET k 1',
  ]);
  expect(outcome([{ sink: a, count: 5 }], [lost], {}, -2)).toEqual({
    failed: ['a2'],
    again: ['a: GET x (sent)', 'a: GET k (sent)', 'a: SET k 1'],
  });
});

test('reads are not repeated after a timeout, after the time to wait, or when a part is out', () => {
  const lost = piece(2, 'GET k', 'GET l', 'SET k 1');
  const runs = [{ sink: a, count: 3 }];
  expect(outcome(runs, [lost], { canRepeatReads: false })).toEqual({
    failed: ['a2'],
    again: ['a: SET k 1'],
  });
  expect(outcome(runs, [{ ...lost, lostAtMs: 499 }]).failed).toEqual(['a2']);
  expect(outcome(runs, [{ ...lost, lostAtMs: 501 }]).failed).toEqual([]);
  expect(outcome(runs, [lost], { isCut: true })).toEqual({
    failed: ['a1'],
    again: ['a: GET l (sent)', 'a: SET k 1'],
  });
});

test('without a time to wait nothing is sent again, and what was never sent is told apart', () => {
  const lost = piece(1, 'GET k', 'SET k 1');
  expect(outcome([{ sink: a, count: 2 }], [lost], { waitMs: 0 })).toEqual({
    failed: ['a1', 'a1!'],
    again: [],
  });
});

test('scripts that may write are no reads, those that may not are', () => {
  const script = 'EVAL return 1 k';
  const lost = piece(2, script, script.replace('EVAL', 'EVAL_RO'));
  expect(outcome([{ sink: a, count: 2 }], [lost])).toMatchObject({ failed: ['a1'] });
  expect(outcome([{ sink: a, count: 2 }], [lost]).again).toHaveLength(1);
});
