import { connect } from 'node:net';
import { hostOf, portOf, type NodeAddress } from '@undermoon/cluster-meta';
import type { PromotedNode } from '../core/balance-plan.ts';
import { askEach } from './ask-proxy.ts';

/** What a proxy says about one of its Redis servers. `untold`: it answers, but not about that. */
export type ReplicaState = 'in-step' | 'behind' | 'untold' | 'unreachable';

const TIMEOUT_MS = 1000;
const REPLY_BYTES_MAX = 64 * 1024;
const INFOREPL = '*2\r\n$5\r\nUMCTL\r\n$8\r\nINFOREPL\r\n';

/**
 * Asks a proxy whether a Redis server behind it follows its master: `UMCTL INFOREPL`, one second for connecting and
 * for each part of the reply.
 */
export function fetchReplicaState(node: PromotedNode): Promise<ReplicaState> {
  const { proxyAddress, nodeAddress } = node;
  return new Promise((resolve) => {
    const socket = connect({ host: hostOf(proxyAddress), port: portOf(proxyAddress) });
    let reply = '';
    const finish = (state: ReplicaState): void => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(TIMEOUT_MS, () => finish('unreachable'));
    socket.on('error', () => finish('unreachable'));
    socket.on('end', () => finish('unreachable'));
    socket.on('connect', () => socket.write(INFOREPL));
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString('latin1');
      const nodes = parseNodes(reply);
      if (nodes !== null) finish(stateOf(nodes, nodeAddress));
      else if (reply.length > REPLY_BYTES_MAX) finish('untold');
    });
  });
}

/** The Redis servers of those that may become masters, as far as proxies tell. */
export async function nodesInStep(
  nodes: readonly PromotedNode[],
  fetchState: (node: PromotedNode) => Promise<ReplicaState>,
): Promise<NodeAddress[]> {
  const states = await askEach(nodes, fetchState);
  // A proxy of undermoon 0.6 tells nothing about it.
  const isInStep = (index: number): boolean =>
    states[index] === 'in-step' || states[index] === 'untold';
  return nodes.filter((_, index) => isInStep(index)).map(({ nodeAddress }) => nodeAddress);
}

function stateOf(nodes: readonly (readonly string[])[], address: NodeAddress): ReplicaState {
  const lines = nodes.find((node) => node.includes(`node_address:${address}`));
  // It does not have its metadata yet.
  if (lines === undefined) return 'behind';
  const told = lines.find((line) => line.startsWith('state:'));
  if (told === undefined) return 'untold';
  const isReplica = lines.includes('observed_role:replica') && lines.includes('link:connected');
  return told === 'state:ok' && isReplica ? 'in-step' : 'behind';
}

// An array of arrays of bulk strings, each a line of text. Null: not all of it is there. An error, or another
// shape, is no nodes at all.
function parseNodes(reply: string): string[][] | null {
  const nodes: string[][] = [];
  let at = 0;
  const header = (type: string): number | null | 'other' => {
    const end = reply.indexOf('\r\n', at);
    if (end === -1) return null;
    const match = /^(.)(\d{1,5})$/.exec(reply.slice(at, end));
    at = end + 2;
    return match?.[1] === type ? Number(match[2]) : 'other';
  };
  const count = header('*');
  if (count === null) return null;
  if (count === 'other') return [];
  for (let node = 0; node < count; node++) {
    const lineCount = header('*');
    if (lineCount === null) return null;
    if (lineCount === 'other') return [];
    const lines: string[] = [];
    for (let line = 0; line < lineCount; line++) {
      const length = header('$');
      if (length === null || (length !== 'other' && reply.length < at + length + 2)) return null;
      if (length === 'other') return [];
      lines.push(reply.slice(at, at + length).trimEnd());
      at += length + 2;
    }
    nodes.push(lines);
  }
  return nodes;
}
