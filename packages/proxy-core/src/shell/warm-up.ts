import { parseNodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand, type RequestScanner, scanReply } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import type { CommandHeads } from '../core/command-heads.ts';
import { isArityOk, singleKeyIndex } from '../core/command-keys.ts';
import { lookupCommand } from '../core/command-lookup.ts';
import type { SlotMarks } from '../core/held-slots.ts';
import { EMPTY_TABLE, peerTargetOf, type RoutingTable } from '../core/routing-table.ts';
import { shareTable, takeTable } from './loop-messages.ts';

/** What is made ready. */
interface WarmLoop {
  readonly scanner: RequestScanner;
  readonly heads: CommandHeads;
  commandList(protocol: 2 | 3): Buffer;
}

const ROUNDS = 3000;
const MANY_WORDS = 200;
/** Rounds before the code is compiled. */
const LARGE_ROUNDS = 30;
const LARGE = encodeCommand([
  'DEL',
  ...Array.from({ length: MANY_WORDS }, (_, i) => 'k'.repeat(1 + (i % 20))),
]);

/**
 * Runs the framing code on made-up commands until the runtime has compiled it. Without this, the first
 * requests after a start take 10 to 20 ms longer (measured). The reply to COMMAND, which some clients ask for first of all, would
 * stop the loop for 7.
 */
export function warmUp(loop: WarmLoop): void {
  const { scanner, heads } = loop;
  loop.commandList(2);
  loop.commandList(3);
  const requests = Buffer.concat([
    encodeCommand(['GET', 'key:000000000001']),
    encodeCommand(['SET', 'key:{tag}:2', 'v'.repeat(64)]),
    encodeCommand(['HSET', 'hash', 'field', 'value']),
  ]);
  const replies = Buffer.from(`+OK\r\n:1\r\n$3\r\nabc\r\n*2\r\n$1\r\na\r\n$-1\r\n_\r\n`);
  for (let round = 0; round < ROUNDS; round++) {
    if (round < LARGE_ROUNDS) scanLarge(scanner);
    for (let pos = 0; pos < requests.length;) {
      const end = scanner.scan(requests, pos, requests.length);
      const [nameStart = 0, keyStart = 0] = scanner.argStart;
      const [nameEnd = 0, keyEnd = 0] = scanner.argEnd;
      const id = lookupCommand(requests, nameStart, nameEnd);
      if (isArityOk(id, scanner.argc) && singleKeyIndex(id) === 1) {
        keySlot(requests, keyStart, keyEnd);
      }
      heads.learn(requests, pos, nameEnd + 2, scanner.argc);
      const rest = heads.find(requests, pos, requests.length);
      scanner.scanRest(requests, rest, requests.length, heads.argsLeft);
      pos = end;
    }
    for (let pos = 0; pos < replies.length;) pos = scanReply(replies, pos, replies.length);
  }
}

/**
 * Scans a command of many words that comes in two reads. Code that was compiled without such a one would be
 * dropped when the first comes, which is the one with the metadata.
 */
function scanLarge(scanner: RequestScanner): void {
  scanner.scan(LARGE, 0, LARGE.length);
  scanner.scan(LARGE, 0, LARGE.length >> 1);
  scanner.resume(LARGE, 0, LARGE.length, scanner.argsLeft, scanner.resumeOffset);
}

/** What changes its table. */
interface TableUser {
  useTable(table: RoutingTable): void;
  holdSlots(slots: SlotMarks): void;
  release(): void;
}

/**
 * Takes a loop to a made-up table and back, before it has clients. Without it the first swap takes 2 ms longer, most of it
 * for what a server beside the proxy needs. Connections to one are opened when they are used, so none is here.
 */
export function warmUpSwap(loop: TableUser): void {
  const address = parseNodeAddress('127.0.0.1:1');
  if (address === null) return;
  const { slots } = EMPTY_TABLE;
  // Some are held and some are not, as in a change of metadata.
  loop.holdSlots(Uint8Array.from(slots, (_, slot) => slot & 1));
  const table = {
    ...EMPTY_TABLE,
    slots: slots.map((_, slot) => (slot < slots.length / 2 ? 0 : -2)),
    localNodes: [address],
    peerStart: 1,
    peers: [peerTargetOf(address)],
  };
  // As it comes from another loop.
  loop.useTable(takeTable(shareTable(table)));
  loop.useTable(table);
  loop.useTable(EMPTY_TABLE);
  loop.release();
}
