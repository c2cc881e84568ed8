import { describe, expect, test } from 'vitest';
import { type ReplyRule, repliesAgree } from './reply-rules.ts';

function agree(rule: ReplyRule, ours: string, theirs: string): boolean {
  return repliesAgree(rule, Buffer.from(ours, 'latin1'), Buffer.from(theirs, 'latin1'));
}

const DUMP_TAIL = '\x0a\x0012345678';

describe('rules', () => {
  test.each<[ReplyRule, string, string]>([
    ['exact', ':1\r\n', ':1\r\n'],
    ['none', ':1\r\n', '-ERR x\r\n'],
    ['sorted', '*2\r\n$1\r\na\r\n$1\r\nb\r\n', '*2\r\n$1\r\nb\r\n$1\r\na\r\n'],
    ['pairs', '*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n', '*4\r\n:3\r\n:4\r\n:1\r\n:2\r\n'],
    ['pairs', '%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n', '%2\r\n:3\r\n:4\r\n:1\r\n:2\r\n'],
    ['shape', '*1\r\n$1\r\na\r\n', '*1\r\n$3\r\nxyz\r\n'],
    ['type', '$1\r\na\r\n', '$3\r\nxyz\r\n'],
    ['time', ':1000\r\n', ':1500\r\n'],
    ['scan', '*2\r\n$1\r\n0\r\n*2\r\n:1\r\n:2\r\n', '*2\r\n$1\r\n0\r\n*2\r\n:2\r\n:1\r\n'],
    ['scan', '*2\r\n$1\r\n7\r\n*1\r\n:1\r\n', '*2\r\n$1\r\n0\r\n*2\r\n:2\r\n:1\r\n'],
    ['dump', `$13\r\n\x02ab${DUMP_TAIL}\r\n`, `$13\r\n\x02ba${DUMP_TAIL}\r\n`],
    ['idle', '*2\r\n$4\r\nidle\r\n:5\r\n', '*2\r\n$4\r\nidle\r\n:7\r\n'],
    [{ items: ['exact', 'time'] }, '*2\r\n:1\r\n:5\r\n', '*2\r\n:1\r\n:6\r\n'],
  ])('%s: the same', (rule, ours, theirs) => {
    expect(agree(rule, ours, theirs)).toBe(true);
  });

  test.each<[ReplyRule, string, string]>([
    ['exact', '$2\r\n01\r\n', '$2\r\n02\r\n'],
    ['sorted', '*1\r\n:1\r\n', '*1\r\n:2\r\n'],
    ['pairs', '*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n', '*4\r\n:1\r\n:4\r\n:3\r\n:2\r\n'],
    ['shape', '*1\r\n:1\r\n', '*2\r\n:1\r\n:2\r\n'],
    ['type', ':1\r\n', '$1\r\n1\r\n'],
    ['type', '-ERR a\r\n', '-ERR b\r\n'],
    ['time', ':-1\r\n', ':5\r\n'],
    ['time', ':1000\r\n', ':1000000\r\n'],
    ['scan', '*2\r\n$1\r\n0\r\n*1\r\n:1\r\n', '*2\r\n$1\r\n0\r\n*1\r\n:2\r\n'],
    ['dump', `$13\r\n\x02ab${DUMP_TAIL}\r\n`, `$13\r\n\x02ac${DUMP_TAIL}\r\n`],
    ['idle', '*2\r\n$4\r\nname\r\n:5\r\n', '*2\r\n$4\r\nname\r\n:7\r\n'],
    [{ items: ['exact', 'time'] }, '*2\r\n:1\r\n:5\r\n', '*2\r\n:2\r\n:6\r\n'],
    [{ items: ['time'] }, '*1\r\n-ERR a\r\n', '*1\r\n-ERR b\r\n'],
  ])('%s: not the same', (rule, ours, theirs) => {
    expect(agree(rule, ours, theirs)).toBe(false);
  });
});
