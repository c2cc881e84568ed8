import { SLOT_COUNT } from '@undermoon/slots';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import { errorReply, quotedBytes, byteErrorReply } from '../core/replies.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import { SlotKeys } from '../core/slot-keys.ts';
import {
  parseCount,
  parseKeys,
  type ParsedSlotQuery,
  parseStats,
  type SlotQuery,
} from '../core/slot-query.ts';
import type { Client } from './proxy-context.ts';
import { SlotScan } from './slot-scan.ts';
import { written } from './written.ts';

const SLOT_MOVED = errorReply('TRYAGAIN the slots have moved while their keys were read');
const NAME_BYTES_MAX = 128;

/** Whether a command is about the keys of slots, which are with the servers. */
export function isAboutSlotKeys(id: number): boolean {
  return (
    id === COMMAND_ID.CLUSTER_COUNTKEYSINSLOT ||
    id === COMMAND_ID.CLUSTER_GETKEYSINSLOT ||
    id === COMMAND_ID.CLUSTER_SLOT_STATS
  );
}

/** CLUSTER: those commands here, all others by the control side. */
export function clusterCommand(client: Client, args: readonly Buffer[]): void {
  const query = queryOf(args);
  if (query === undefined) client.context.desk.answer(client, args);
  else if (query === null) {
    const name = quotedBytes(args[1], NAME_BYTES_MAX);
    const what = `unknown subcommand or wrong number of arguments for '${name}'`;
    client.reply(byteErrorReply(`ERR ${what}. Try CLUSTER HELP.`));
  } else if (typeof query === 'string') client.reply(errorReply(query));
  else run(client, query);
}

/** Undefined: it is another command; null: it has other arguments. */
function queryOf(args: readonly Buffer[]): ParsedSlotQuery | null | undefined {
  switch (String(args[1]).toLowerCase()) {
    case 'countkeysinslot':
      return parseCount(args.slice(2));
    case 'getkeysinslot':
      return parseKeys(args.slice(2));
    case 'slot-stats':
      return parseStats(args.slice(2));
    default:
      return undefined;
  }
}

/** The servers beside the proxy have no index of keys by slot, so all their keys are read. */
function run(client: Client, query: SlotQuery): void {
  const { context } = client;
  const { table, options } = context;
  const [start, end] = query.kind === 'stats' ? [query.start, query.end] : [query.slot, query.slot];
  const isAnyKeyWanted = query.kind !== 'keys' || query.keysMax > 0;
  const servers = new Set(isAnyKeyWanted ? serversOf(table, start, end) : []);
  const wanted = new Uint8Array(SLOT_COUNT).fill(1, start, end + 1);
  const keysMax = query.kind === 'keys' ? query.keysMax : Infinity;
  const found = new SlotKeys({ wanted, keysMax, bytesMax: options.slotScanBytesMax });
  if (servers.size === 0) {
    client.reply(replyOf(client, query, table, found));
    return;
  }
  if (context.slotScans.count >= options.slotScansMax) {
    const limit = `${options.slotScansMax} (slot_scans_max)`;
    client.reply(
      errorReply(`ERR too many scans for keys of slots are under way: at most ${limit}`),
    );
    return;
  }
  context.slotScans.count++;
  client.deferReply();
  new SlotScan(context, {
    servers: [...servers],
    found,
    isWanted: () => !client.isClosed,
    onEnd: (error) => {
      context.slotScans.count--;
      const after = context.table;
      const isMoved = after !== table && !isSameServers(table, after, start, end);
      const refusal = error ?? (isMoved ? SLOT_MOVED : null);
      client.replyDeferred(refusal ?? replyOf(client, query, table, found));
    },
  }).start();
}

function replyOf(client: Client, query: SlotQuery, table: RoutingTable, found: SlotKeys): Buffer {
  return written(client, (writer) => {
    if (query.kind === 'count') writer.integer(found.counts[query.slot] ?? 0);
    else if (query.kind === 'keys') {
      const keys = found.keys();
      writer.array(keys.length);
      for (const key of keys) writer.bulk(key);
    } else {
      const slots = statSlots(query, table, found);
      writer.array(slots.length);
      for (const slot of slots) {
        writer
          .array(2)
          .integer(slot)
          .map(1)
          .bulk('key-count')
          .integer(found.counts[slot] ?? 0);
      }
    }
  });
}

/** Those of the asked slots that are served here. */
function statSlots(
  { start, end, order }: Extract<SlotQuery, { kind: 'stats' }>,
  { slots }: RoutingTable,
  { counts }: SlotKeys,
): number[] {
  const served: number[] = [];
  for (let slot = start; slot <= end; slot++) if ((slots[slot] ?? -1) >= 0) served.push(slot);
  if (order === null) return served;
  const sign = order.isDescending ? -1 : 1;
  served.sort((a, b) => sign * ((counts[a] ?? 0) - (counts[b] ?? 0)) || a - b);
  return served.slice(0, order.limit);
}

function* serversOf({ slots, localNodes }: RoutingTable, start: number, end: number) {
  for (let slot = start; slot <= end; slot++) {
    const address = localNodes[slots[slot] ?? -1];
    if (address !== undefined) yield address;
  }
}

function isSameServers(
  before: RoutingTable,
  after: RoutingTable,
  start: number,
  end: number,
): boolean {
  for (let slot = start; slot <= end; slot++) {
    const was = before.localNodes[before.slots[slot] ?? -1];
    if (was !== after.localNodes[after.slots[slot] ?? -1]) return false;
  }
  return true;
}
