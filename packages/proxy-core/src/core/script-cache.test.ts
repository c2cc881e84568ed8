import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { ScriptCache } from './script-cache.ts';
import { SeenScripts } from './seen-scripts.ts';

const LIMITS = { bytesMax: 10, digestsMax: 3, missingMs: 100 };

function host(): { scripts: Set<string> } {
  return { scripts: new Set() };
}

test('the script used least recently makes room', () => {
  const cache = new ScriptCache(LIMITS);
  cache.add('a', Buffer.from('aaaa'));
  cache.add('b', Buffer.from('bbbb'));
  expect(cache.missingAt(host(), 'a')).toEqual(Buffer.from('aaaa'));
  cache.add('c', Buffer.from('cccc'));
  expect(['a', 'b', 'c'].map((digest) => cache.has(digest))).toEqual([true, false, true]);
  cache.add('d', Buffer.alloc(11));
  expect([cache.has('d'), cache.count, cache.bytes]).toEqual([false, 2, 8]);
  cache.forget('a');
  expect([cache.count, cache.bytes]).toEqual([1, 4]);
});

test('scripts that were only run make room first, until one is used by its digest', () => {
  const cache = new ScriptCache(LIMITS);
  cache.add('a', Buffer.from('aaaa'));
  cache.addRun('b', Buffer.from('bbbb'));
  cache.addRun('c', Buffer.from('cccc'));
  expect(['a', 'b', 'c'].map((digest) => cache.has(digest))).toEqual([true, false, true]);
  expect(cache.bodyOf('c')).toEqual(Buffer.from('cccc'));
  cache.addRun('d', Buffer.from('dddd'));
  expect(['a', 'c', 'd'].map((digest) => cache.has(digest))).toEqual([true, true, false]);
  expect(cache.bytes).toBe(8);
});

test('a script is loaded once into a server, and what is remembered of it is bounded', () => {
  const cache = new ScriptCache(LIMITS);
  const server = host();
  cache.add('a', Buffer.from('a'));
  expect(cache.missingAt(server, 'a')).toEqual(Buffer.from('a'));
  expect(cache.missingAt(server, 'a')).toBeNull();
  for (const digest of ['b', 'c', 'd']) cache.markLoaded(server, digest);
  expect([...server.scripts]).toEqual(['d']);
  expect(cache.missingAt(server, 'a')).toEqual(Buffer.from('a'));
  cache.clear();
  expect(cache.missingAt(host(), 'a')).toBeNull();
});

test('what nobody knows is not asked for again for a while', () => {
  const cache = new ScriptCache(LIMITS);
  const server = host();
  expect(cache.isSettled(server, 'x', 0)).toBe(false);
  cache.markMissing('x', 0);
  expect([cache.isSettled(server, 'x', 99), cache.isSettled(server, 'x', 100)]).toEqual([
    true,
    false,
  ]);
  for (const digest of ['y', 'z', 'w']) cache.markMissing(digest, 10);
  expect(['x', 'y'].map((digest) => cache.isSettled(server, digest, 50))).toEqual([false, true]);
  cache.add('x', Buffer.from('x'));
  expect(cache.isSettled(server, 'x', 1000)).toBe(true);
});

test('a text that was seen is known again, whichever bytes are around it', () => {
  const seen = new SeenScripts();
  const body = Buffer.from('return redis.call("GET", KEYS[1])');
  const around = Buffer.concat([Buffer.from('$33\r\n'), body, Buffer.from('\r\n')]);
  expect(seen.has(around, 5, around.length - 2)).toBe(false);
  seen.add(body);
  expect(seen.has(around, 5, around.length - 2)).toBe(true);
  expect(seen.has(around, 4, around.length - 2)).toBe(false);
  for (let i = 0; i < 1000; i++) seen.add(Buffer.from(`return ${i}`));
  expect(seen.has(around, 5, around.length - 2)).toBe(false);
  seen.clear();
  expect(seen.has(Buffer.from('return 999'), 0, 10)).toBe(false);
});
