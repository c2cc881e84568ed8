import { expect, test } from 'vitest';
import { TopicBook } from './topic-book.ts';

test('topics come with the first interest and go with the last', () => {
  const book = new TopicBook<string>();
  const topic = book.enter('channel', 'a', true);
  expect(book.enter('channel', 'a', false)).toBe(topic);
  expect([topic.interest, topic.wideInterest]).toEqual([2, 1]);
  book.leave(topic, true);
  expect([topic.interest, topic.wideInterest]).toEqual([1, 0]);
  expect(book.find('channel', 'a')).toBe(topic);
  book.leave(topic, false);
  expect(book.find('channel', 'a')).toBeUndefined();
  expect([...book.all('channel')]).toEqual([]);
});

test('only confirmed clients are shown and counted; other proxies are not', () => {
  const book = new TopicBook<string>();
  const topics = ['a', 'b', 'c'].map((name) => book.enter('channel', name, true));
  book.join(topics[0]!, 'client', false);
  book.join(topics[0]!, 'other', false);
  book.join(topics[1]!, 'proxy', true);
  expect(book.shownNames('channel', null)).toEqual(['a']);
  expect(['a', 'b', 'c', 'd'].map((name) => book.memberCount('channel', name))).toEqual([
    2, 0, 0, 0,
  ]);
  book.part(topics[0]!, 'client');
  expect(book.shownCount('channel')).toBe(1);
  book.part(topics[0]!, 'other');
  book.part(topics[0]!, 'other');
  expect(book.shownCount('channel')).toBe(0);
});

test('a message is received once for its channel and once for each pattern', () => {
  const book = new TopicBook<string>();
  const add = (kind: 'channel' | 'pattern', name: string, client: string): void =>
    book.join(book.enter(kind, name, true), client, false);
  add('channel', 'news', 'x');
  add('pattern', 'n*', 'x');
  add('pattern', 'n*', 'y');
  add('pattern', '[^n]*', 'z');
  expect(book.receiverCount('news')).toBe(3);
  expect(book.receiverCount('other')).toBe(1);
  expect(book.shownNames('pattern', 'n?')).toEqual(['n*']);
});
