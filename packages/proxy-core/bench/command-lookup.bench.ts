// Nanoseconds of CPU to find a command and its key in a scanned request:
//   node --import tsx --conditions=@undermoon/source packages/proxy-core/bench/command-lookup.bench.ts
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

const CALLS = 5_000_000;
const ROUNDS = 7;
let sink = 0;

/** Median and spread of `run`, in nanoseconds of CPU per call. */
function measure(title: string, run: (calls: number) => number): void {
  sink += run(CALLS / 5);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // CPU time, not wall time: the other work of the machine counts less.
    const start = process.cpuUsage();
    sink += run(CALLS);
    times.push((process.cpuUsage(start).user * 1000) / CALLS);
  }
  times.sort((left, right) => left - right);
  const [min, median, max] = [times[0]!, times[ROUNDS >> 1]!, times[ROUNDS - 1]!];
  console.log(`${title.padEnd(44)} ${median.toFixed(1)} ns (${min.toFixed(1)}-${max.toFixed(1)})`);
}

function lookups(names: readonly string[]): (calls: number) => number {
  const bytes = Buffer.from(names.join(''));
  const ends = Int32Array.from(names);
  let offset = 0;
  names.forEach((name, i) => (ends[i] = offset += name.length));
  const starts = ends.map((end, i) => end - names[i]!.length);
  return (calls) => {
    let sum = 0;
    let at = 0;
    for (let i = 0; i < calls; i++) {
      sum += lookupCommand(bytes, starts[at]!, ends[at]!);
      if (++at === starts.length) at = 0;
    }
    return sum;
  };
}

function keysOf(words: readonly string[]): (calls: number) => number {
  const bytes = encodeCommand(words);
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  const keys = new KeyPositions();
  return (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) {
      const id = lookupCommand(bytes, scanner.argStart[0]!, scanner.argEnd[0]!);
      if (!isArityOk(id, scanner.argc)) return -1;
      const index = singleKeyIndex(id);
      if (index > 0) sum += keySlot(bytes, scanner.argStart[index]!, scanner.argEnd[index]!);
      else if (findKeys(id, bytes, scanner, keys) > 0) sum += slotOfKeys(bytes, scanner, keys);
    }
    return sum;
  };
}

function scans(words: readonly string[]): (calls: number) => number {
  const bytes = encodeCommand(words);
  const scanner = new RequestScanner();
  return (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += scanner.scan(bytes, 0, bytes.length);
    return sum;
  };
}

const every = COMMAND_NAMES.filter((_, id) => COMMAND_PARENT[id] === -1);
const usual = ['GET', 'SET', 'get', 'set', 'HGET', 'hset', 'INCR', 'EXPIRE', 'ZADD', 'LPUSH'];
const value = 'x'.repeat(64);
measure('lookup, GET only', lookups(['GET']));
measure('lookup, ten usual names', lookups(usual));
measure('lookup, all names', lookups(every));
measure('lookup, unknown names', lookups(['NOPE', 'getx', 'hellp']));
measure('scan alone: SET key:000012345 <64 bytes>', scans(['SET', 'key:000012345', value]));
measure('lookup, key, slot: GET key:000012345', keysOf(['GET', 'key:000012345']));
measure('lookup, key, slot: SET key:000012345 <64>', keysOf(['SET', 'key:000012345', value]));
measure('lookup, key, slot: GET {user:1}:name', keysOf(['GET', '{user:1}:name']));
measure('lookup, keys, slot: DEL of one key', keysOf(['DEL', 'key:000012345']));
measure('lookup, keys, slot: MGET of four keys', keysOf(['MGET', '{a}1', '{a}2', '{a}3', '{a}4']));
measure(
  'lookup, keys, slot: EVALSHA of two keys',
  keysOf(['EVALSHA', 'f'.repeat(40), '2', '{a}1', '{a}2']),
);
measure(
  'lookup, keys, slot: XREAD of one stream',
  keysOf(['XREAD', 'COUNT', '9', 'STREAMS', 's', '0']),
);
if (Number.isNaN(sink)) throw new Error('a result is not a number');
