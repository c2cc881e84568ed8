// Finding a command and its keys in a scanned request. `pnpm bench micro` runs it.
import { Buffer } from 'node:buffer';
import { RequestScanner, encodeCommand } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import {
  findKeys,
  isArityOk,
  KeyPositions,
  singleKeyIndex,
  slotOfKeys,
} from '../src/core/command-keys.ts';
import { lookupCommand } from '../src/core/command-lookup.ts';
import { COMMAND_NAMES, COMMAND_PARENT } from '../src/core/command-table.generated.ts';
import type { MicroCase } from './micro-case.ts';

const CALLS = 1000;

function lookups(name: string, names: readonly string[]): MicroCase {
  const bytes = Buffer.from(names.join(''));
  const ends = Int32Array.from(names);
  let offset = 0;
  names.forEach((one, i) => (ends[i] = offset += one.length));
  const starts = ends.map((end, i) => end - names[i]!.length);
  let at = 0;
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < CALLS; i++) {
      sum += lookupCommand(bytes, starts[at]!, ends[at]!);
      if (++at === starts.length) at = 0;
    }
    return sum;
  };
  return { name: `lookup: ${name}`, operations: CALLS, run };
}

function keysOf(name: string, words: readonly string[]): MicroCase {
  const bytes = encodeCommand(words);
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  const keys = new KeyPositions();
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < CALLS; i++) {
      const id = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
      if (!isArityOk(id, scanner.argc)) throw new Error(`${name} has the wrong number of words`);
      const index = singleKeyIndex(id);
      if (index > 0) sum += keySlot(bytes, scanner.argStart[index]!, scanner.argEnd[index]!);
      else if (findKeys(id, bytes, scanner, keys) > 0) sum += slotOfKeys(bytes, scanner, keys);
    }
    return sum;
  };
  return { name: `lookup, keys, slot: ${name}`, operations: CALLS, run };
}

const every = COMMAND_NAMES.filter((_, id) => COMMAND_PARENT[id] === -1);
const usual = ['GET', 'SET', 'get', 'set', 'HGET', 'hset', 'INCR', 'EXPIRE', 'ZADD', 'LPUSH'];

export const cases: readonly MicroCase[] = [
  lookups('GET only', ['GET']),
  lookups('ten usual names', usual),
  lookups('all names', every),
  lookups('unknown names', ['NOPE', 'getx', 'hellp']),
  keysOf('GET', ['GET', 'key:000012345']),
  keysOf('SET 64 B', ['SET', 'key:000012345', 'x'.repeat(64)]),
  keysOf('GET with a hash tag', ['GET', '{user:1}:name']),
  keysOf('DEL of one key', ['DEL', 'key:000012345']),
  keysOf('MGET of four keys', ['MGET', '{a}1', '{a}2', '{a}3', '{a}4']),
  keysOf('EVALSHA of two keys', ['EVALSHA', 'f'.repeat(40), '2', '{a}1', '{a}2']),
  keysOf('XREAD of one stream', ['XREAD', 'COUNT', '9', 'STREAMS', 's', '0']),
];
