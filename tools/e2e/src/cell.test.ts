import { describe, expect, it } from 'vitest';
import { Cell, type Attempt } from './cell.ts';
import { CELL_KINDS, type CellKind, type Operation } from './operation.ts';
import { seededRandom } from '@undermoon/testkit';

const TIMES = { faultAt: 10_000, recoveredAt: 12_000, replicationLagMs: 1000 };

function cellOf(kind: CellKind): Cell {
  return new Cell({ label: 'test', id: 'c1' }, kind, 'tag');
}

/** The next operation whose first word is one of these. */
function choose(cell: Cell, ...names: readonly string[]): Operation {
  const random = seededRandom(1);
  for (let count = 0; count < 1000; count += 1) {
    const operation = cell.choose(random);
    if (names.includes(operation.words[0] ?? '')) return operation;
  }
  throw new Error(`never chosen: ${names.join(', ')}`);
}

/** One write of a text, acknowledged at a time; the value written. */
function write(cell: Cell, at: number): string {
  const operation = choose(cell, 'SET');
  expect(cell.onReply({ operation, issuedAt: at - 1 }, 'OK', at)).toBeNull();
  return operation.words[2] ?? '';
}

function attempt(operation: Operation): Attempt {
  return { operation, issuedAt: 0 };
}

describe('while nothing fails', () => {
  it.each(CELL_KINDS)('a %s follows what its commands do, in any sequence', (kind) => {
    const cell = cellOf(kind);
    const random = seededRandom(7);
    // A server of one cell: the operations' own meaning, applied to a value of its own.
    let value = cell.read().apply(null).value;
    for (let count = 0; count < 300; count += 1) {
      const operation = cell.choose(random);
      const effect = operation.apply(value);
      ({ value } = effect);
      expect(cell.onReply(attempt(operation), effect.reply, count)).toBeNull();
    }
    expect(cell.onReply(attempt(cell.read()), cell.read().apply(value).reply, 300)).toBeNull();
  });

  it('a reply that does not follow is told', () => {
    const cell = cellOf('text');
    write(cell, 1);
    const last = write(cell, 2);
    const read = attempt(cell.read());
    expect(cell.onReply(read, 'c1.0', 3)).toContain(`expected "${last}"`);
    expect(cell.onReply(read, null, 3)).toContain('got null');
    expect(cell.onReply(read, last, 3)).toBeNull();
  });

  it('without a reply both is possible, until one is seen', () => {
    const cell = cellOf('text');
    const first = write(cell, 1);
    const lost = choose(cell, 'SET');
    cell.onNoReply(attempt(lost));
    const read = attempt(cell.read());
    expect(cell.onReply(read, lost.words[2], 3)).toBeNull();
    expect(cell.onReply(read, first, 4)).toContain('expected');
  });
});

describe('over a fault', () => {
  it('a value from shortly before is explained, and counted as a loss', () => {
    const cell = cellOf('text');
    const kept = write(cell, 8000);
    write(cell, 9500);
    cell.beginFault();
    expect(cell.adopt(kept, TIMES)).toBeNull();
    expect(cell.lostCount).toBe(1);
    expect(cell.onReply(attempt(cell.read()), kept, 13_000)).toBeNull();
  });

  it('the loss of what had long been acknowledged is told', () => {
    const cell = cellOf('text');
    const old = write(cell, 5000);
    const replicated = write(cell, 8000);
    cell.beginFault();
    expect(cell.adopt(old, TIMES)).toContain(`"${replicated}" was acknowledged -2000 ms`);
  });

  it('the loss of what was acknowledged after the recovery is told', () => {
    const cell = cellOf('text');
    const old = write(cell, 8000);
    cell.beginFault();
    const later = write(cell, 12_500);
    expect(cell.adopt(old, TIMES)).toContain(`"${later}" was acknowledged 2500 ms`);
  });

  it('a write without a reply may come behind one that was acknowledged after the recovery', () => {
    const cell = cellOf('text');
    write(cell, 8000);
    cell.beginFault();
    const late = choose(cell, 'SET');
    cell.onNoReply(attempt(late));
    write(cell, 12_500);
    expect(cell.adopt(late.words[2], TIMES)).toBeNull();
    expect(cell.lostCount).toBe(0);
    // By the next fault it has come.
    write(cell, 14_000);
    cell.beginFault();
    expect(cell.adopt(late.words[2], { ...TIMES, faultAt: 16_000 })).toContain('was acknowledged');
  });

  it('a counter may have counted twice, but not more than was added', () => {
    const twice = cellOf('counter');
    const operation = choose(twice, 'INCR');
    twice.beginFault();
    expect(twice.onReply({ operation, issuedAt: 10_500 }, 2, 11_000)).toBeNull();
    expect(twice.adopt('2', TIMES)).toBeNull();
    const never = cellOf('counter');
    never.beginFault();
    expect(never.adopt('1', TIMES)).toContain('more than was ever added');
  });

  it('what was written to another key is told at once', () => {
    const cell = cellOf('hash');
    cell.beginFault();
    const read = attempt(cell.read());
    expect(cell.onReply(read, ['f1', 'c1.4'], 11_000)).toBeNull();
    expect(cell.onReply(read, ['f1', 'c2.4'], 11_000)).toContain('written to another key');
  });
});
