import { expect, test } from 'vitest';
import { clientListOf, DONE, mergeAnswers } from './loop-question.ts';

const lines = [3, 1, 2].map((id) => ({ id, line: `id=${id}` }));

test('clients are listed by age, or as they were asked for', () => {
  expect(clientListOf(lines, null)).toBe('id=1\nid=2\nid=3\n');
  expect(clientListOf(lines, [2, 9, 3, 2])).toBe('id=2\nid=3\nid=2\n');
  expect(clientListOf([], null)).toBe('');
});

test('answers of loops add up', () => {
  const body = new Uint8Array(3);
  const answers = [
    { ...DONE, topics: ['a', 'b'], counts: [1, 0] },
    { ...DONE, count: 2, isAskerIn: true, lines },
    { ...DONE, count: 1, body, topics: ['b', 'c'], counts: [2, 5] },
  ];
  expect(mergeAnswers(answers)).toEqual({
    count: 3,
    isAskerIn: true,
    lines,
    body,
    topics: ['a', 'b', 'c'],
    counts: [3, 5],
    slow: [],
    denied: [],
    latency: [],
  });
});
