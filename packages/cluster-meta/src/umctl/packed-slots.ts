import type { SlotRanges } from '@undermoon/slots';
import { NO_TAG, type MigrationTag, type TaggedSlots } from '../migration.ts';
import type { NodeAddress } from '../node-address.ts';
import type { AddressSlots, SetCluster } from './commands.ts';
import { RangeList } from './range-list.ts';

/**
 * The slots of many addresses, as `AddressSlots` without an object for each of them or of their ranges. An item is one
 * address with one set of slots; an address may have several.
 *
 *   item         0        1           2
 *   address      h:1      h:2         h:1
 *   tag          none     migrating   none
 *   ranges end   2        3           5
 *   ranges       1-3 5-5  7-9         11-11 13-20
 */
export class PackedSlots {
  readonly #addresses: NodeAddress[] = [];
  readonly #tags: MigrationTag[] = [];
  readonly #rangesEnd: number[] = [];
  readonly #ranges: RangeList = new RangeList();

  /** How many items there are. */
  get length(): number {
    return this.#addresses.length;
  }

  /** The address of an item. Throws a RangeError for one that is not there, as all that take its number. */
  addressOf(item: number): NodeAddress {
    return valueAt(this.#addresses, item);
  }

  tagOf(item: number): MigrationTag {
    return valueAt(this.#tags, item);
  }

  /** The number of its first range; they go up to `rangesEndOf`. */
  rangesStartOf(item: number): number {
    return item === 0 ? 0 : valueAt(this.#rangesEnd, item - 1);
  }

  /** The number after its last range. */
  rangesEndOf(item: number): number {
    return valueAt(this.#rangesEnd, item);
  }

  /** The first slot of a range. */
  startOf(range: number): number {
    return this.#ranges.startOf(range);
  }

  /** The last slot of a range. */
  endOf(range: number): number {
    return this.#ranges.endOf(range);
  }

  /** An item's ranges, in normal form, as objects. */
  rangesOf(item: number): SlotRanges {
    return this.#ranges.toRanges(this.rangesStartOf(item), this.rangesEndOf(item));
  }

  /** An item's slots as an object. */
  slotsOf(item: number): TaggedSlots {
    return { ranges: this.rangesOf(item), tag: this.tagOf(item) };
  }

  /** The addresses, each once, in the order of first appearance. */
  addresses(): ReadonlySet<NodeAddress> {
    return new Set(this.#addresses);
  }

  /** Adds a range to the item that `addItem` will end. Both ends have to be slots. */
  addRange(start: number, end: number): void {
    this.#ranges.addRange(start, end);
  }

  /** Makes an item of the ranges that were added since the last one, which are brought into normal form. */
  addItem(address: NodeAddress, tag: MigrationTag): void {
    this.#ranges.normalizeFrom(this.#rangesEnd.at(-1) ?? 0);
    this.#addresses.push(address);
    // One object for all.
    this.#tags.push(tag.kind === 'none' ? NO_TAG : tag);
    this.#rangesEnd.push(this.#ranges.length);
  }
}

/** A SETCLUSTER as a proxy keeps it: see `PackedSlots`. */
export interface PackedSetCluster extends Omit<SetCluster, 'local' | 'peers'> {
  readonly local: PackedSlots;
  readonly peers: PackedSlots;
}

/** The same command without objects for what there are many of. */
export function packSetCluster(command: SetCluster): PackedSetCluster {
  return {
    ...command,
    local: packAddressSlots(command.local),
    peers: packAddressSlots(command.peers),
  };
}

/** The same command; items of one address are gathered into one entry, in the order of first appearance. */
export function unpackSetCluster(command: PackedSetCluster): SetCluster {
  return {
    ...command,
    local: unpackAddressSlots(command.local),
    peers: unpackAddressSlots(command.peers),
  };
}

function packAddressSlots(list: readonly AddressSlots[]): PackedSlots {
  const packed = new PackedSlots();
  for (const { address, slots } of list) {
    for (const { ranges, tag } of slots) {
      for (const [start, end] of ranges) packed.addRange(start, end);
      packed.addItem(address, tag);
    }
  }
  return packed;
}

function unpackAddressSlots(packed: PackedSlots): readonly AddressSlots[] {
  const slotsOf = new Map<NodeAddress, TaggedSlots[]>();
  for (let item = 0; item < packed.length; item++) {
    const address = packed.addressOf(item);
    const slots = slotsOf.get(address) ?? [];
    slotsOf.set(address, slots);
    slots.push(packed.slotsOf(item));
  }
  return Array.from(slotsOf, ([address, slots]) => ({ address, slots }));
}

function valueAt<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new RangeError(`${index}: not one of ${list.length}`);
  return value;
}
