import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { sumOfKeyspaces } from './keyspace.ts';

function reply(line: string): Buffer {
  const text = `# Keyspace\r\n${line}`;
  return Buffer.from(`$${text.length}\r\n${text}\r\n`);
}

test('keys are added up, times to live are averaged over the keys that have one', () => {
  const replies = [
    reply('db0:keys=3,expires=1,avg_ttl=1000\r\n'),
    reply(''),
    reply('db0:keys=10,expires=3,avg_ttl=2000,subexpiry=0\r\n'),
    Buffer.from('-CLUSTERDOWN Hash slot not served\r\n'),
  ];
  expect(sumOfKeyspaces(replies)).toEqual([['db0', 'keys=13,expires=4,avg_ttl=1750']]);
});

test('without keys there is no line, as in Redis', () => {
  expect(sumOfKeyspaces([reply(''), reply('')])).toEqual([]);
  expect(sumOfKeyspaces([])).toEqual([]);
});
