import { normalizeRanges } from '@undermoon/slots';
import {
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type SetCluster,
  type SetRepl,
  type TaggedSlots,
} from '../src/index.ts';
import { isMigrationNumber, MIGRATION_NUMBERS } from '../src/cluster-config-fields.ts';
import type { AddressSlots } from '../src/umctl/commands.ts';

/** What is wrong with a command that the parser accepted. */
export function setClusterFaults(command: SetCluster): string[] {
  const faults: string[] = [];
  if (parseEpoch(command.epoch) === null) faults.push('epoch');
  if (!isNameOrNull(command.clusterName)) faults.push('name');
  for (const [section, list] of Object.entries({ local: command.local, peers: command.peers })) {
    faults.push(...addressSlotsFaults(list).map((fault) => `${section}: ${fault}`));
  }
  for (const { key, min } of MIGRATION_NUMBERS) {
    if (!isMigrationNumber(command.config.migration[key], min)) faults.push(key);
  }
  return faults;
}

/** What is wrong with a command that the parser accepted. */
export function setReplFaults(command: SetRepl): string[] {
  const faults: string[] = [];
  if (parseEpoch(command.epoch) === null) faults.push('epoch');
  for (const { role, clusterName, nodeAddress, peers } of command.entries) {
    if (role !== 'master' && role !== 'replica') faults.push('role');
    if (!isNameOrNull(clusterName)) faults.push('name');
    const addresses = [
      nodeAddress,
      ...peers.flatMap((peer) => [peer.nodeAddress, peer.proxyAddress]),
    ];
    if (addresses.some((address) => parseNodeAddress(address) === null)) faults.push('address');
  }
  const nodes = new Set(command.entries.map(({ nodeAddress }) => nodeAddress));
  if (nodes.size !== command.entries.length) faults.push('a node twice');
  return faults;
}

function isNameOrNull(name: unknown): boolean {
  return name === null || parseClusterName(name) !== null;
}

function addressSlotsFaults(list: readonly AddressSlots[]): string[] {
  const faults: string[] = [];
  if (new Set(list.map(({ address }) => address)).size !== list.length)
    faults.push('an address twice');
  for (const { address, slots } of list) {
    if (parseNodeAddress(address) === null) faults.push('address');
    if (slots.length === 0) faults.push('no slots');
    faults.push(...slots.flatMap(taggedSlotsFaults));
  }
  return faults;
}

function taggedSlotsFaults({ ranges, tag }: TaggedSlots): string[] {
  const faults: string[] = [];
  if (JSON.stringify(normalizeRanges(ranges)) !== JSON.stringify(ranges)) faults.push('ranges');
  if (tag.kind === 'none') return faults;
  const { epoch, ...addresses } = tag.meta;
  if (parseEpoch(epoch) === null) faults.push('tag epoch');
  if (Object.values(addresses).some((address) => parseNodeAddress(address) === null)) {
    faults.push('tag address');
  }
  return faults;
}
