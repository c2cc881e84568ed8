import { finishSlices, SliceMeter, type Slices } from '@undermoon/cluster-meta';
import type { RespWriter } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import { nodeHead, replicasOf } from '../core/cluster-rendering.ts';
import type { ClusterMember, ClusterView } from '../core/cluster-view.ts';
import { byteErrorReply, quotedBytes } from '../core/replies.ts';
import type { ControlCall, ControlSession, ControlState } from './control-state.ts';
import { wordAt, writeArityError, writeError, writeUnknownSubcommand } from './admin-words.ts';

/** Sub-commands with their number of arguments: [least, most]. */
const ARITY: Readonly<Record<string, readonly [number, number]>> = {
  'COUNT-FAILURE-REPORTS': [1, 1],
  HELP: [0, 0],
  INFO: [0, 0],
  KEYSLOT: [1, 1],
  LINKS: [0, 0],
  MYID: [0, 0],
  MYSHARDID: [0, 0],
  NODES: [0, 0],
  REPLICAS: [1, 1],
  SHARDS: [0, 0],
  SLAVES: [1, 1],
  SLOTS: [0, 0],
};

/** Redis' sub-commands that change a topology which only the broker changes. */
const TOPOLOGY_COMMANDS: readonly string[] = [
  'ADDSLOTS',
  'ADDSLOTSRANGE',
  'BUMPEPOCH',
  'DELSLOTS',
  'DELSLOTSRANGE',
  'FAILOVER',
  'FLUSHSLOTS',
  'FORGET',
  'MEET',
  'REPLICATE',
  'RESET',
  'SAVECONFIG',
  'SET-CONFIG-EPOCH',
  'SETSLOT',
];

const QUOTED_BYTES_MAX = 512;
const NO_CLUSTER = 'CLUSTERDOWN This proxy is in no cluster: ask another one';

const HELP: readonly string[] = [
  'CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'COUNT-FAILURE-REPORTS <node-id>',
  '    Return number of failure reports for <node-id>: always 0.',
  'COUNTKEYSINSLOT <slot>',
  '    Return the number of keys in <slot>.',
  'GETKEYSINSLOT <slot> <count>',
  '    Return key names stored by current node in a slot.',
  'INFO',
  '    Return information about the cluster.',
  'KEYSLOT <key>',
  '    Return the hash slot for <key>.',
  'LINKS',
  '    Return an empty list: proxies have no links between them.',
  'MYID',
  '    Return the node id.',
  'MYSHARDID',
  "    Return the node's shard id.",
  'NODES',
  '    Return cluster configuration seen by node. Output format:',
  '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
  'REPLICAS <node-id>',
  '    Return the replicas of <node-id>: addresses with copies of its keys.',
  'SHARDS',
  '    Return information about slot range mappings and the nodes associated with them.',
  'SLOT-STATS SLOTSRANGE <start-slot> <end-slot> | ORDERBY key-count [LIMIT <limit>] [ASC|DESC]',
  '    Return the number of keys per slot.',
  'SLOTS',
  '    Return information about slots range mappings. Each range is made of:',
  '    start, end, master and replicas IP addresses, ports and ids',
  'HELP',
  '    Prints this help.',
];

/** CLUSTER. */
export function executeCluster(state: ControlState, call: ControlCall): void {
  const { args, writer } = call;
  if (args.length < 2) return writeArityError(writer, 'cluster');
  const given = wordAt(args, 1) ?? '';
  const name = given.toUpperCase();
  const arity = ARITY[name];
  if (arity === undefined) return refuseSubcommand(call, name, given);
  const argCount = args.length - 2;
  if (argCount < arity[0] || argCount > arity[1]) {
    return writeArityError(writer, `cluster|${name.toLowerCase()}`);
  }
  answer(state, call, name);
}

function answer(state: ControlState, call: ControlCall, name: string): void {
  const { args, session, writer } = call;
  const { protocol, isReplicaPort } = session;
  const { clusterReplies, table } = state;
  switch (name) {
    case 'SHARDS':
    case 'SLOTS':
      // An empty list would be taken for the whole truth by clients that come to look for the cluster: they
      // would forget the nodes they know. After an error they ask the next one.
      if (table.clusterName === null) writeError(writer, NO_CLUSTER);
      else writer.raw(clusterReplies.bytesOf(table, name, protocol));
      break;
    case 'INFO':
      writer.raw(clusterReplies.clusterInfo(table, protocol));
      break;
    case 'NODES':
      writer.raw(clusterReplies.bytesOf(table, nodesReplyOf(session), protocol));
      break;
    case 'KEYSLOT': {
      const key = args[2] ?? new Uint8Array();
      writer.integer(keySlot(key, 0, key.length));
      break;
    }
    case 'LINKS':
      writer.array(0);
      break;
    case 'MYID':
      writer.bulk(clusterReplies.selfIdIn(table, isReplicaPort));
      break;
    case 'MYSHARDID':
      writer.bulk(clusterReplies.shardIdIn(table, isReplicaPort));
      break;
    case 'COUNT-FAILURE-REPORTS':
      if (memberOf(viewNow(state), idAt(args), writer) !== undefined) writer.integer(0);
      break;
    case 'REPLICAS':
    case 'SLAVES':
      writeReplicas(
        viewNow(state),
        { id: idAt(args), selfId: clusterReplies.selfIdIn(table, isReplicaPort) },
        writer,
      );
      break;
    default:
      writer.array(HELP.length);
      for (const line of HELP) writer.simple(line);
  }
}

function viewNow(state: ControlState): ClusterView {
  return finishSlices(viewOf(state, new SliceMeter()));
}

/** A node's id, with one character per byte. */
function idAt(args: readonly Uint8Array[]): string {
  return Buffer.from(args[2] ?? []).toString('latin1');
}

/** The view of the current table, in slices. */
export function viewOf(
  { clusterReplies, table }: ControlState,
  meter: SliceMeter,
): Slices<ClusterView> {
  return clusterReplies.viewSlices(clusterReplies.drawnOf(table), meter);
}

/** Which reply CLUSTER NODES is. */
export function nodesReplyOf({ isReplicaPort }: ControlSession): 'NODES' | 'REPLICA NODES' {
  return isReplicaPort ? 'REPLICA NODES' : 'NODES';
}

/** CLUSTER REPLICAS of `id`, which has one character per byte; `selfId`: the node that was reached. */
export function writeReplicas(
  view: ClusterView,
  { id, selfId }: { readonly id: string; readonly selfId: string },
  writer: RespWriter,
): void {
  const member = memberOf(view, id, writer);
  if (member === undefined) return;
  if (member.master !== null) return writeError(writer, 'ERR The specified node is not a master');
  const replicas = replicasOf(view, member);
  writer.array(replicas.length);
  for (const replica of replicas) writer.bulk(nodeHead(view, replica, selfId));
}

/** The member with that id; without one, the reply is an error. */
function memberOf(view: ClusterView, id: string, writer: RespWriter): ClusterMember | undefined {
  const member = view.members.find(({ nodeId }) => nodeId === id);
  if (member !== undefined) return member;
  const shown = quotedBytes(Buffer.from(id, 'latin1'), QUOTED_BYTES_MAX);
  writer.raw(byteErrorReply(`ERR Unknown node ${shown}`));
  return undefined;
}

function refuseSubcommand({ writer }: ControlCall, name: string, given: string): void {
  if (TOPOLOGY_COMMANDS.includes(name)) {
    writeError(writer, `ERR CLUSTER ${name} is not supported: the broker manages the topology`);
  } else {
    writeUnknownSubcommand(writer, 'CLUSTER', given);
  }
}
