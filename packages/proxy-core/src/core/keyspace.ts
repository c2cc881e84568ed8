import type { Buffer } from 'node:buffer';
import type { Fields } from './info.ts';

/** What the servers answered to INFO keyspace, as one. An error says nothing about keys. */
export function sumOfKeyspaces(replies: readonly Buffer[]): Fields {
  const databases = replies.flatMap((reply) => {
    const found = DATABASE.exec(reply.toString('latin1'));
    return found === null ? [] : [found.slice(1).map(Number)];
  });
  const sum = (number: (database: readonly number[]) => number): number =>
    databases.reduce((total, database) => total + number(database), 0);
  const keys = sum(([count = 0]) => count);
  if (keys === 0) return [];
  const expires = sum(([, count = 0]) => count);
  const ttl = sum(([, count = 0, average = 0]) => count * average);
  const average = expires === 0 ? 0 : Math.floor(ttl / expires);
  return [['db0', `keys=${keys},expires=${expires},avg_ttl=${average}`]];
}

const DATABASE = /^db0:keys=(\d{1,15}),expires=(\d{1,15}),avg_ttl=(\d{1,15})/m;
