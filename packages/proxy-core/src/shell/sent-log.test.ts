import { expect, test } from 'vitest';
import { SentLog } from './sent-log.ts';
import { Arena, type Slab } from './slab.ts';

function slabOf(arena: Arena, text: string): Slab {
  const slab = arena.take();
  slab.append(Buffer.from(text), 0, text.length);
  return slab;
}

function textsOf(log: SentLog, answered: number, unsentBytes = 0): string[] {
  const { pieces } = log.remains(answered, unsentBytes);
  return pieces.map(({ bytes, sentBytes }) => `${bytes.toString()}/${sentBytes}`);
}

test('pieces are kept until they are answered, and know what reached the kernel', () => {
  const arena = new Arena();
  const log = new SentLog(arena, 1000);
  log.keepSlab(slabOf(arena, 'one'), 2, -1);
  log.keepSlab(slabOf(arena, 'two'), 5, -1);
  log.keepCopy(Buffer.from('three'), 6, -1, 5);
  log.keepCopy(Buffer.from('four'), 8, -1, 9);
  expect(textsOf(log, 0, 7)).toEqual(['one/3', 'two/3', 'three/2', 'four/0']);
  log.forget(1);
  expect(log.remains(1, 0).answeredCount).toBe(1);
  log.forget(5);
  expect(textsOf(log, 5)).toEqual(['three/5', 'four/4']);
  expect(log.remains(5, 0).answeredCount).toBe(0);
  log.clear();
  expect(textsOf(log, 0)).toEqual([]);
});

test('many small pieces share a slab, and all slabs come back', () => {
  const arena = new Arena();
  const log = new SentLog(arena, 1_000_000);
  const used = new Set<Slab>();
  for (let i = 1; i <= 100; i++) {
    const slab = slabOf(arena, `${i},`);
    used.add(slab);
    log.keepSlab(slab, i, -1);
  }
  expect(used.size).toBeLessThan(7);
  const texts = textsOf(log, 0).map((text) => text.replace(/\/.*/, ''));
  expect(texts.join('')).toBe(Array.from({ length: 100 }, (_, i) => `${i + 1},`).join(''));
  log.forget(100);
  expect(new Set(Array.from({ length: used.size }, () => arena.take()))).toEqual(used);
});

test('the oldest are dropped at the limit, but nothing that the kernel has not taken', () => {
  const arena = new Arena();
  const log = new SentLog(arena, 10);
  log.keepSlab(slabOf(arena, '123456'), 1, -1);
  log.keepSlab(slabOf(arena, '7890ab'), 3, -1);
  expect(textsOf(log, 0)).toEqual(['7890ab/6']);
  expect(log.remains(0, 0).answeredCount).toBe(-1);
  log.keepCopy(Buffer.alloc(20, 'x'), 4, -1, 20);
  log.keepCopy(Buffer.alloc(20, 'y'), 5, -1, 40);
  expect(log.remains(3, 0).pieces).toHaveLength(2);
  for (let i = 6; i < 60; i++) log.keepCopy(Buffer.alloc(20, 'z'), i, -1, 20 * (i - 3));
  expect(log.remains(3, 0).pieces).toHaveLength(56);
  log.keepCopy(Buffer.from('w'), 60, -1, 0);
  expect(textsOf(log, 59)).toEqual(['w/1']);
});

test('with a limit of 0 slabs go back at once', () => {
  const arena = new Arena();
  const log = new SentLog(arena, 0);
  const slab = slabOf(arena, 'one');
  log.keepSlab(slab, 2, -1);
  expect(arena.take()).toBe(slab);
  expect(log.remains(0, 0)).toEqual({ pieces: [], answeredCount: -2 });
});
