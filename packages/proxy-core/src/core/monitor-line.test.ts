import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { isMonitored, monitorLine } from './monitor-line.ts';

function lineOf(...words: readonly (string | Uint8Array)[]): string {
  const bytes = encodeCommand(words);
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  return monitorLine(bytes, scanner, { atMs: 1_700_000_000_001.5, peer: '1.2.3.4:5' }).toString();
}

function isShown(line: string, isLoggedIn = true): boolean {
  const bytes = encodeCommand(line.split(' '));
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  return isMonitored(bytes, scanner, isLoggedIn);
}

test('a command in the form of Redis', () => {
  expect(lineOf('SET', 'a"\\\n\r\t', Uint8Array.of(0, 255, 7, 8))).toBe(
    '+1700000000.001500 [0 1.2.3.4:5] "SET" "a\\"\\\\\\n\\r\\t" "\\x00\\xff\\a\\b"\r\n',
  );
});

test('passwords and user names are not shown', () => {
  expect(lineOf('auth', 'me', 'secret')).toContain('"auth" "(redacted)" "(redacted)"\r\n');
  expect(lineOf('HELLO', '3', 'auth', 'me', 'secret', 'SETNAME', 'x')).toContain(
    '"HELLO" "3" "auth" "(redacted)" "(redacted)" "SETNAME" "x"\r\n',
  );
  expect(lineOf('HELLO', '3')).toContain('"HELLO" "3"\r\n');
});

test('no commands of administration, none that fail at once', () => {
  for (const line of ['GET a', 'PING', 'AUTH x', 'CLIENT ID', 'EVALSHA x 0', 'EXEC']) {
    expect(isShown(line), line).toBe(true);
  }
  for (const line of ['CONFIG GET x', 'UMCTL INFO', 'GET', 'nosuch', 'MIGRATE a 1 b 0 1']) {
    expect(isShown(line), line).toBe(false);
  }
  expect([isShown('GET a', false), isShown('AUTH x', false)]).toEqual([false, true]);
});
