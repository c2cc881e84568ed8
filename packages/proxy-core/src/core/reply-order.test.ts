import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DueOutput, ReplyOrder } from './reply-order.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function collector(): DueOutput & { text: () => string } {
  const out: string[] = [];
  return {
    onDue: (bytes, start, end) => out.push(new TextDecoder().decode(bytes.subarray(start, end))),
    text: () => out.join(''),
  };
}

function chunk(
  text: string,
  completed: number,
  isCut: boolean = completed === 0,
): Parameters<ReplyOrder<string>['accept']>[1] {
  const bytes = bytesOf(text);
  return { bytes, start: 0, end: bytes.length, completed, isCut };
}

test('a later source waits for an earlier one, local replies keep their place', () => {
  const order = new ReplyOrder<string>();
  const out = collector();
  order.expect('x', 2);
  order.pushLocal(bytesOf('[local]'));
  order.expect('y', 1);
  order.accept('y', chunk('y1', 1), out);
  expect(out.text()).toBe('');
  order.accept('x', chunk('x1', 1), out);
  expect(out.text()).toBe('x1');
  order.accept('x', chunk('x2', 1), out);
  expect(out.text()).toBe('x1x2[local]y1');
  expect(order.isEmpty).toBe(true);
});

test('a part of a reply passes at once for the head and is kept for the others', () => {
  const order = new ReplyOrder<string>();
  const out = collector();
  order.expect('x', 1);
  order.expect('y', 1);
  order.accept('y', chunk('Y', 0), out);
  order.accept('x', chunk('X', 0), out);
  expect(out.text()).toBe('X');
  order.accept('y', chunk('Y', 1), out);
  order.accept('x', chunk('X', 1), out);
  expect(out.text()).toBe('XXYY');
});

test('it tells whether what was given out ends within a reply', () => {
  const order = new ReplyOrder<string>();
  const out = collector();
  order.begin('x', 2, true);
  expect(order.isCut).toBe(true);
  order.expect('y', 1);
  order.accept('y', chunk('Y', 0), out);
  order.accept('x', chunk('1', 1), out);
  expect(order.isCut).toBe(false);
  order.accept('x', chunk('2', 1), out);
  expect(out.text()).toBe('12Y');
  expect(order.isCut).toBe(true);
  order.accept('y', chunk('Y', 1), out);
  expect(order.isCut).toBe(false);
});

test('what a source sends between its replies keeps its place among them', () => {
  const order = new ReplyOrder<string>();
  const out = collector();
  order.begin('x', 1, false);
  order.expect('y', 1);
  order.pushBehind('y', bytesOf('<early>'), out);
  order.accept('y', chunk('Y', 1), out);
  order.pushBehind('y', bytesOf('<late>'), out);
  order.pushBehind('x', bytesOf('<x>'), out);
  order.pushBehind('z', bytesOf('<z>'), out);
  expect(out.text()).toBe('<x><z>');
  order.accept('x', chunk('X', 0), out);
  order.pushBehind('z', bytesOf('<cut>'), out);
  expect(out.text()).toBe('<x><z>X');
  order.accept('x', chunk('X', 1), out);
  expect(out.text()).toBe('<x><z>XX<early>Y<late><cut>');
  order.pushBehind('y', bytesOf('<end>'), out);
  expect(out.text()).toBe('<x><z>XX<early>Y<late><cut><end>');
  expect(order.heldBytes).toBe(0);
});

test('a reply that nobody waits for is a bug, not a guess', () => {
  const order = new ReplyOrder<string>();
  order.expect('x', 1);
  expect(() => order.accept('y', chunk('y', 1), collector())).toThrow('nobody waits');
  expect(() => order.accept('x', chunk('xx', 2), collector())).toThrow('more replies');
});

test('replies leave in request order whatever the interleaving', () => {
  const plan = fc.array(fc.constantFrom('x', 'y', 'z', 'local'), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(plan, fc.array(fc.nat(2), { minLength: 1 }), (places, picks) => {
      const order = new ReplyOrder<string>();
      const out = collector();
      const waiting = new Map<string, string[]>([
        ['x', []],
        ['y', []],
        ['z', []],
      ]);
      places.forEach((place, i) => {
        if (place === 'local') order.pushLocal(bytesOf(`${i};`));
        else {
          order.expect(place, 1);
          waiting.get(place)?.push(`${i};`);
        }
      });
      const sources = [...waiting.keys()];
      let left = places.filter((place) => place !== 'local').length;
      for (let turn = 0; left > 0; turn++) {
        // Past the drawn ones, everybody gets a turn.
        const source = sources[picks[turn] ?? turn % sources.length] ?? 'x';
        const text = waiting.get(source)?.shift();
        if (text === undefined) continue;
        order.accept(source, chunk(text, 1), out);
        left--;
      }
      if (places.some((place) => place !== 'local')) {
        expect(out.text()).toBe(places.map((_, i) => `${i};`).join(''));
      }
    }),
  );
});

test('a late first reply does not make the many behind it quadratic work', () => {
  const order = new ReplyOrder<string>();
  const count = 150_000;
  for (let i = 0; i < count; i++) {
    order.expect('slow', 1);
    order.expect('fast', 1);
  }
  const bytes = Uint8Array.of(1);
  let emitted = 0;
  const output: DueOutput = {
    onDue: () => {
      emitted++;
    },
  };
  for (let i = 0; i < count; i++) {
    order.accept('fast', { bytes, start: 0, end: 1, completed: 1, isCut: false }, output);
  }
  expect(emitted).toBe(0);
  expect(order.heldBytes).toBeGreaterThan(count);
  for (let i = 0; i < count; i++) {
    order.accept('slow', { bytes, start: 0, end: 1, completed: 1, isCut: false }, output);
  }
  expect([emitted, order.heldBytes, order.isEmpty]).toEqual([2 * count, 0, true]);
});

test('the last replies of a source can come from elsewhere, in their old places', () => {
  const order = new ReplyOrder<string>();
  const out = collector();
  order.expect('x', 2);
  order.expect('y', 1);
  order.expect('x', 3);
  order.pushLocal(bytesOf('[local]'));
  // Of the five of x, the first stays; y is asked for the second behind what it owes already.
  const knownCount = order.reassign('x', ['y', bytesOf('[moved]'), 'x', 'z'], out);
  expect(knownCount).toBe(1);
  order.expect('y', 1);
  order.accept('y', chunk('(y1)', 1), out);
  order.accept('y', chunk('(x2)', 1), out);
  order.accept('z', chunk('(x5)', 1), out);
  order.accept('y', chunk('(y2)', 1), out);
  expect(out.text()).toBe('');
  order.accept('x', chunk('(x1)', 1), out);
  expect(out.text()).toBe('(x1)(x2)(y1)[moved]');
  order.accept('x', chunk('(x4)', 1), out);
  expect(out.text()).toBe('(x1)(x2)(y1)[moved](x4)(x5)[local](y2)');
  expect([order.isEmpty, order.heldBytes]).toEqual([true, 0]);
});
