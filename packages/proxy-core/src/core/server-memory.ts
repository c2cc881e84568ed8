import type { Buffer } from 'node:buffer';
import type { Fields } from './info.ts';

const LIMIT = /^maxmemory:(\d{1,16})\r?$/m;
const POLICY = /^maxmemory_policy:([a-z-]{1,32})\r?$/m;
const NO_EVICTION = 'noeviction';

/**
 * What the servers answered to INFO memory about their limits, as one: no limit if one of them has none, and eviction
 * if one of them evicts. An error says nothing.
 */
export function memoryOfServers(replies: readonly Buffer[]): Fields {
  const texts = replies.map((reply) => reply.toString('latin1'));
  const limits = texts.flatMap((text) => LIMIT.exec(text)?.[1] ?? []).map(Number);
  const policies = texts.flatMap((text) => POLICY.exec(text)?.[1] ?? []);
  const [first] = policies;
  if (limits.length === 0 || first === undefined) return [];
  const sum = limits.reduce((total, limit) => total + limit, 0);
  return [
    ['maxmemory', limits.includes(0) ? 0 : sum],
    ['maxmemory_policy', policies.find((policy) => policy !== NO_EVICTION) ?? first],
  ];
}
