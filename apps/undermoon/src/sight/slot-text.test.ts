import { parseEpoch, type MigrationTag, type TaggedSlots } from '@undermoon/cluster-meta';
import { expect, it } from 'vitest';

import { address } from '../../test/sights.ts';
import { ownedSlots, slotCountOf, slotMoves, slotsAndMovesText, slotText } from './slot-text.ts';

const META = {
  epoch: parseEpoch(3)!,
  srcProxyAddress: address('h:1'),
  srcNodeAddress: address('h:11'),
  dstProxyAddress: address('h:2'),
  dstNodeAddress: address('h:21'),
};

function tagged(kind: MigrationTag['kind'], ranges: TaggedSlots['ranges']): TaggedSlots {
  return { ranges, tag: kind === 'none' ? { kind } : { kind, meta: META } };
}

it('joins ranges that touch, in order', () => {
  const slots = [
    tagged('migrating', [[10, 19]]),
    tagged('none', [
      [0, 9],
      [30, 30],
    ]),
  ];
  expect(slotText(slots)).toBe('0-19 30');
  expect(slotText([])).toBe('');
});

it('counts slots that move as those of the server they leave', () => {
  const leaving = [tagged('none', [[0, 9]]), tagged('migrating', [[10, 19]])];
  const arriving = [tagged('importing', [[10, 19]])];
  expect(slotCountOf(ownedSlots(leaving))).toBe(20);
  expect(slotCountOf(ownedSlots(arriving))).toBe(0);
  const move = { slots: '10-19', slotCount: 10 };
  expect(slotMoves(leaving)).toEqual([{ ...move, direction: 'to', node: 'h:21' }]);
  expect(slotMoves(arriving)).toEqual([{ ...move, direction: 'from', node: 'h:11' }]);
  expect(slotsAndMovesText('0-19', slotMoves(leaving))).toBe('0-19 (10-19 to h:21)');
  expect(slotsAndMovesText('', slotMoves(arriving))).toBe('(10-19 from h:11)');
  expect(slotsAndMovesText('', [])).toBe('');
});
