import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { ScriptCache } from './script-cache.ts';

test('the script used least recently makes room', () => {
  const cache = new ScriptCache(10);
  const host = { scripts: new Set<string>() };
  cache.add('a', Buffer.from('aaaa'));
  cache.add('b', Buffer.from('bbbb'));
  expect(cache.missingAt(host, 'a')).toEqual(Buffer.from('aaaa'));
  cache.add('c', Buffer.from('cccc'));
  expect([cache.has('a'), cache.has('b'), cache.has('c')]).toEqual([true, false, true]);
  cache.add('d', Buffer.alloc(11));
  expect([cache.has('d'), cache.count, cache.bytes]).toEqual([false, 2, 8]);
});

test('it knows when nothing is missing anywhere', () => {
  const cache = new ScriptCache(100);
  const hosts = [{ scripts: new Set<string>() }, { scripts: new Set<string>() }];
  expect(cache.isComplete).toBe(true);
  cache.add('a', Buffer.from('a'));
  expect(cache.isComplete).toBe(false);
  for (const host of hosts) {
    cache.compare(hosts);
    expect(cache.isComplete).toBe(false);
    cache.missingAt(host, 'a');
    expect(cache.missingAt(host, 'a')).toBeNull();
  }
  cache.compare(hosts);
  expect(cache.isComplete).toBe(true);
  hosts[1]?.scripts.clear();
  cache.compare(hosts);
  expect(cache.isComplete).toBe(false);
  cache.clear();
  expect(cache.missingAt({ scripts: new Set<string>() }, 'a')).toBeNull();
});
