import { accept } from '@undermoon/runtime';
import type { NodeMeta, ReplPeer, Role } from '../node.ts';
import {
  jsonArrayOf,
  parseAddressJson,
  parseJsonObject,
  refuseJson,
  type JsonOutcome,
} from './fields.ts';
import { parseTaggedSlotsJson, taggedSlotsToJson, type TaggedSlotsJson } from './tagged-slots.ts';

/** JSON form of `NodeMeta`. */
export interface NodeJson {
  readonly address: string;
  readonly proxy_address: string;
  readonly slots: readonly TaggedSlotsJson[];
  readonly repl: {
    readonly role: Role;
    readonly peers: readonly { readonly node_address: string; readonly proxy_address: string }[];
  };
}

/** The JSON form of a node. */
export function nodeToJson(node: NodeMeta): NodeJson {
  return {
    address: node.address,
    proxy_address: node.proxyAddress,
    slots: node.slots.map(taggedSlotsToJson),
    repl: {
      role: node.role,
      peers: node.peers.map((peer) => ({
        node_address: peer.nodeAddress,
        proxy_address: peer.proxyAddress,
      })),
    },
  };
}

/** Reads a node; its role in any case. Refuses with the path of the field. */
export function parseNodeJson(value: unknown, path = ''): JsonOutcome<NodeMeta> {
  const node = parseJsonObject<Omit<NodeMeta, 'role' | 'peers'> & { repl: ReplJsonFields }>(
    value,
    path,
    {
      address: ['address', parseAddressJson],
      proxyAddress: ['proxy_address', parseAddressJson],
      slots: ['slots', jsonArrayOf(parseTaggedSlotsJson)],
      repl: ['repl', parseRepl],
    },
  );
  if (!node.ok) return node;
  const { repl, ...rest } = node.value;
  return accept({ ...rest, ...repl });
}

type ReplJsonFields = Pick<NodeMeta, 'role' | 'peers'>;

function parseRepl(value: unknown, path: string): JsonOutcome<ReplJsonFields> {
  return parseJsonObject<ReplJsonFields>(value, path, {
    role: ['role', parseRole],
    peers: ['peers', jsonArrayOf(parsePeer)],
  });
}

function parseRole(value: unknown, path: string): JsonOutcome<Role> {
  const role = typeof value === 'string' ? value.toLowerCase() : value;
  return role === 'master' || role === 'replica'
    ? accept(role)
    : refuseJson(value, path, '"master" or "replica"');
}

function parsePeer(value: unknown, path: string): JsonOutcome<ReplPeer> {
  return parseJsonObject<ReplPeer>(value, path, {
    nodeAddress: ['node_address', parseAddressJson],
    proxyAddress: ['proxy_address', parseAddressJson],
  });
}
