// From the bytes of a chunk to what is forwarded where: scan, lookup, slot, table, runs. `pnpm bench micro` runs it.
import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { SLOT_COUNT } from '@undermoon/slots';
import { CommandHeads } from '../src/core/command-heads.ts';
import { KeyPositions } from '../src/core/command-keys.ts';
import { EMPTY_TABLE } from '../src/core/routing-table.ts';
import { ScriptCache } from '../src/core/script-cache.ts';
import { Session } from '../src/core/session.ts';
import { dispatch } from '../src/shell/dispatcher.ts';
import { Gate } from '../src/shell/gate.ts';
import type { Client } from '../src/shell/proxy-context.ts';
import type { MicroCase } from './micro-case.ts';

const PIPELINE = 16;
const PEER_SUFFIX = Buffer.from(' 127.0.0.1:7001\r\n');

/** The parts of a client that the dispatcher uses; what is forwarded ends here. */
class Sink {
  readonly session = new Session({
    id: 1,
    lane: 0,
    createdMs: 0,
    port: 'cluster',
    needsPassword: false,
  });
  readonly isAccepting = true;
  readonly context: object;
  readonly backend = { options: { isPeer: false } };
  sum = 0;

  constructor(slots: Int16Array) {
    const group = { address: '127.0.0.1:7000' };
    const groups = [group, { ...group }];
    const peers = [{ movedSuffix: PEER_SUFFIX }];
    const table = { ...EMPTY_TABLE, clusterName: 'bench', slots, peers };
    this.context = {
      loop: { scanner: new RequestScanner(), heads: new CommandHeads() },
      gate: new Gate(),
      spread: null,
      slots,
      table,
      owners: { ...table, localNodes: groups.map(({ address }) => address) },
      groups,
      servers: groups,
      keys: new KeyPositions(),
      compression: null,
      monitor: { isOn: false },
      slowLog: { nextAt: Number.POSITIVE_INFINITY },
      scripts: new ScriptCache({ bytesMax: 0, digestsMax: 1, missingMs: 0 }),
      counters: new Float64Array(64),
      options: { defaultRedirectionAddress: null },
    };
  }

  backendOf(): object {
    return this.backend;
  }

  forward(_backend: object, count: number, _bytes: Buffer, start: number, end: number): boolean {
    this.sum += count + end - start;
    return true;
  }

  reply(bytes: Buffer): void {
    this.sum += bytes.length;
  }
}

const key = (i: number): string => `key:${String(i).padStart(12, '0')}`;

function routes(
  name: string,
  slotValue: (slot: number) => number,
  words: (i: number) => readonly string[],
): MicroCase {
  const sink = new Sink(Int16Array.from({ length: SLOT_COUNT }, (_, slot) => slotValue(slot)));
  const client = sink as unknown as Client;
  const chunk = Buffer.concat(Array.from({ length: PIPELINE }, (_, i) => encodeCommand(words(i))));
  const run = (): number => dispatch(client, chunk, 0, chunk.length) + sink.sum;
  return { name: `route ${PIPELINE}: ${name}`, operations: PIPELINE, run };
}

export const cases: readonly MicroCase[] = [
  routes(
    'GET, one server',
    () => 0,
    (i) => ['GET', key(i)],
  ),
  routes(
    'SET 64 B, one server',
    () => 0,
    (i) => ['SET', key(i), 'x'.repeat(64)],
  ),
  routes(
    'GET, two servers',
    (slot) => slot & 1,
    (i) => ['GET', key(i)],
  ),
  routes(
    'MGET of four keys, one server',
    () => 0,
    (i) => ['MGET', ...[1, 2, 3, 4].map((j) => `{${key(i)}}${j}`)],
  ),
  routes(
    'GET that is MOVED',
    () => -2,
    (i) => ['GET', key(i)],
  ),
];
