import {
  parseEpoch,
  parseNodeAddress,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { type RespValue, type RespWriter, textOf } from '@undermoon/resp';
import { SLOT_COUNT, type SlotRange, type SlotRanges } from '@undermoon/slots';
import {
  peerIndexOf,
  SLOT_UNCOVERED,
  type ReplicaSlots,
  type RoutingTable,
} from './routing-table.ts';

const NO_REPLICA = -1;

/** What a proxy says about the servers beside it: which of its slots are on which of them. */
export interface NodeSlots {
  /** Of the metadata that it says this by. */
  readonly epoch: Epoch;
  readonly nodes: ReadonlyMap<NodeAddress, SlotRanges>;
}

/** A server beside this proxy that has the data of one beside another proxy. */
export interface LocalReplica {
  readonly node: NodeAddress;
  readonly master: NodeAddress;
  readonly masterProxy: NodeAddress;
}

/**
 * Which slots can be read here. Metadata names the proxy that has a slot, not the server, so `known` has what the
 * other proxies said about that; what they said by other metadata than `table` does not count.
 */
export function replicaSlotsOf(
  table: RoutingTable,
  replicas: readonly LocalReplica[],
  known: ReadonlyMap<NodeAddress, NodeSlots>,
): ReplicaSlots | null {
  const slots = new Int16Array(SLOT_COUNT).fill(NO_REPLICA);
  const nodes: NodeAddress[] = [];
  for (const { node, master, masterProxy } of replicas) {
    const said = known.get(masterProxy);
    if (said?.epoch !== table.epoch) continue;
    const isAny = fill(slots, said.nodes.get(master) ?? [], nodes.length, (slot) =>
      isOwnedBy(table, slot, masterProxy),
    );
    if (isAny) nodes.push(node);
  }
  return nodes.length === 0 ? null : { nodes, slots };
}

/** Marks those of the ranges' slots that `isWanted`; whether there is any. */
function fill(
  slots: Int16Array,
  ranges: SlotRanges,
  value: number,
  isWanted: (slot: number) => boolean,
): boolean {
  let isAny = false;
  for (const [start, end] of ranges) {
    for (let slot = start; slot <= end; slot++) {
      if (slots[slot] !== NO_REPLICA || !isWanted(slot)) continue;
      slots[slot] = value;
      isAny = true;
    }
  }
  return isAny;
}

function isOwnedBy({ slots, peers }: RoutingTable, slot: number, proxy: NodeAddress): boolean {
  const value = slots[slot] ?? SLOT_UNCOVERED;
  return value < SLOT_UNCOVERED && peers[peerIndexOf(value)]?.address === proxy;
}

/** Whether both tables, which may share one array, name the same copies. */
export function isSameReplicas(left: ReplicaSlots | null, right: ReplicaSlots | null): boolean {
  if (left === null || right === null) return left === right;
  return (
    left.nodes.length === right.nodes.length &&
    left.nodes.every((node, i) => node === right.nodes[i]) &&
    left.slots.every((value, slot) => value === right.slots[slot])
  );
}

/**
 * What was said by the metadata before may be taken for said by the new one if one server has all slots of that
 * proxy and these are still the same: so reads go on while the proxy is away and epochs rise.
 */
export function carriedOver(
  said: NodeSlots,
  proxy: NodeAddress,
  from: RoutingTable,
  to: RoutingTable,
): NodeSlots | null {
  if (said.epoch !== from.epoch || from.clusterName !== to.clusterName) return null;
  const owners = [...said.nodes.values()].filter((ranges) => ranges.length > 0);
  const [ranges] = owners;
  if (owners.length !== 1 || ranges === undefined) return null;
  const isServed = new Uint8Array(SLOT_COUNT);
  for (const [start, end] of ranges) isServed.fill(1, start, end + 1);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const isSaid = isServed[slot] === 1;
    if (isOwnedBy(from, slot, proxy) !== isSaid || isOwnedBy(to, slot, proxy) !== isSaid)
      return null;
  }
  return { ...said, epoch: to.epoch };
}

/**
 * The table of clients in READONLY mode: the copies stand behind the local servers, as servers of the slots that
 * they have.
 */
export function replicaTableOf(table: RoutingTable): RoutingTable {
  const { replicas } = table;
  if (replicas === null) return table;
  const start = table.localNodes.length;
  const slots = table.slots.map((value, slot) => {
    const replica = replicas.slots[slot] ?? NO_REPLICA;
    return value >= 0 || replica === NO_REPLICA ? value : start + replica;
  });
  return { ...table, slots, localNodes: [...table.localNodes, ...replicas.nodes] };
}

/** UMCTL NODESLOTS: the epoch, then the address and the slots of each server beside this proxy. */
export function writeNodeSlots(writer: RespWriter, table: RoutingTable): void {
  const ranges = localRanges(table);
  writer.array(2).integer(table.epoch).array(ranges.size);
  for (const [address, list] of ranges) {
    writer.array(2).bulk(address).bulk(list.map(rangeText).join(' '));
  }
}

function localRanges({ slots, localNodes }: RoutingTable): Map<NodeAddress, SlotRange[]> {
  const lists = new Map<NodeAddress, SlotRange[]>();
  let start = 0;
  for (let slot = 1; slot <= SLOT_COUNT; slot++) {
    if (slot < SLOT_COUNT && slots[slot] === slots[start]) continue;
    const owner = localNodes[slots[start] ?? SLOT_UNCOVERED];
    if (owner !== undefined) {
      const list = lists.get(owner) ?? [];
      lists.set(owner, list);
      list.push([start, slot - 1]);
    }
    start = slot;
  }
  return lists;
}

function rangeText([start, end]: SlotRange): string {
  return start === end ? `${start}` : `${start}-${end}`;
}

/** Reads the reply to UMCTL NODESLOTS. Null: it is none, as from a proxy that does not know the command. */
export function parseNodeSlots(reply: RespValue): NodeSlots | null {
  const [epochValue, list] = itemsOf(reply);
  const epoch = parseEpoch(wordOf(epochValue));
  if (epoch === null || list === undefined) return null;
  const nodes = new Map<NodeAddress, SlotRanges>();
  for (const item of itemsOf(list)) {
    const [addressValue, rangesValue] = itemsOf(item);
    const address = parseNodeAddress(wordOf(addressValue));
    const ranges = parseRanges(wordOf(rangesValue));
    if (address === null || ranges === null) return null;
    nodes.set(address, ranges);
  }
  return { epoch, nodes };
}

function parseRanges(text: string): SlotRanges | null {
  const ranges: SlotRange[] = [];
  for (const word of text.split(' ')) {
    const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
    if (found === null) return null;
    const start = Number(found[1]);
    const end = Number(found[2] ?? found[1]);
    if (start > end || end >= SLOT_COUNT) return null;
    ranges.push([start, end]);
  }
  return ranges;
}

function itemsOf(value: RespValue | undefined): readonly RespValue[] {
  return value?.type === 'array' ? value.items : [];
}

function wordOf(value: RespValue | undefined): string {
  return (value === undefined ? null : textOf(value)) ?? '';
}
