import type { BrokerClient } from '@undermoon/broker-api/client';
import type { ClusterMeta, ClusterName, NodeMeta } from '@undermoon/cluster-meta';

import type { Command } from '../command-line.ts';
import { CommandError } from '../errors.ts';
import {
  ownedSlots,
  slotMoves,
  slotsAndMovesText,
  slotText,
  type SlotMove,
} from '../sight/slot-text.ts';
import { plainTable } from '../sight/status-table.ts';
import { BROKER_FLAGS } from './broker-target.ts';
import { askBroker, clusterNameOf, nodesOf, type Call } from './cluster-call.ts';
import { confirm } from './confirm.ts';
import { keysOfMasters } from './keys-of-masters.ts';
import { loginsOf } from './logins.ts';
import { NO_CLUSTERS, printJson, printText } from './output.ts';

const KEYS_COME_BACK = 'and a cluster that is created on these proxies has them again';

/** `undermoon cluster …`. */
export const CLUSTER_COMMANDS: readonly Command[] = [
  {
    name: 'cluster list',
    args: [],
    summary: 'List the clusters.',
    flags: BROKER_FLAGS,
    examples: ['undermoon cluster list', 'undermoon cluster list --json'],
    run: (invocation) => askBroker(invocation, listClusters),
  },
  {
    name: 'cluster info',
    args: ['name'],
    summary: 'Show the nodes of a cluster.',
    flags: BROKER_FLAGS,
    examples: ['undermoon cluster info demo'],
    run: (invocation) => askBroker(invocation, showCluster),
  },
  {
    name: 'cluster create',
    args: ['name'],
    summary: 'Create a cluster out of free proxies.',
    flags: [
      { name: 'nodes', value: 'number', doc: 'Redis servers, a multiple of 4 (required)' },
      ...BROKER_FLAGS,
    ],
    examples: ['undermoon cluster create mine --nodes 4'],
    run: (invocation) => askBroker(invocation, createCluster),
  },
  {
    name: 'cluster delete',
    args: ['name'],
    summary: 'Delete a cluster; its proxies become free.',
    details: `Its keys stay in their Redis servers, ${KEYS_COME_BACK}.`,
    flags: [{ name: 'yes', short: 'y', doc: 'Do not ask (for scripts)' }, ...BROKER_FLAGS],
    examples: ['undermoon cluster delete mine', 'undermoon cluster delete mine --yes'],
    run: (invocation) => askBroker(invocation, deleteCluster),
  },
];

async function listClusters({ broker, invocation }: Call): Promise<void> {
  const names = await broker.clusterNames();
  const clusters = await Promise.all(names.toSorted().map((name) => broker.clusterInfo(name)));
  if (invocation.has('json')) printJson({ clusters });
  else if (clusters.length === 0) printText(NO_CLUSTERS);
  else {
    const rows = clusters.map((info) => [
      info.name,
      String(info.nodeNumber),
      String(info.nodeNumberWithSlots),
      info.isMigrating ? 'yes' : 'no',
    ]);
    printText(plainTable(['NAME', 'NODES', 'WITH SLOTS', 'MIGRATING'], rows));
  }
}

async function showCluster({ broker, invocation }: Call): Promise<void> {
  const name = clusterNameOf(invocation);
  const [info, meta] = await Promise.all([broker.clusterInfo(name), existingCluster(broker, name)]);
  const { epoch, nodes } = meta;
  if (invocation.has('json')) {
    printJson({ ...info, epoch, nodes: nodes.map(nodeJson) });
    return;
  }
  const rows = nodes.map((node) => {
    const { address, proxyAddress, role, slots, moves } = nodeJson(node);
    return [proxyAddress, address, role, slotsAndMovesText(slots, moves)];
  });
  const migrating = info.isMigrating ? ', slots are being moved' : '';
  printText(
    `${name}: ${info.nodeNumber} nodes, epoch ${epoch}${migrating}\n\n` +
      plainTable(['PROXY', 'REDIS', 'ROLE', 'SLOTS'], rows),
  );
}

async function createCluster({ broker, invocation }: Call): Promise<void> {
  const name = clusterNameOf(invocation);
  const nodeNumber = nodesOf(invocation, 'cluster create');
  await broker.createCluster(name, nodeNumber);
  const meta = await existingCluster(broker, name);
  const proxies = proxiesOf(meta);
  const keys = await keysOfMasters(meta.nodes, loginsOf(invocation.env).servers);
  if (invocation.has('json')) printJson({ created: name, nodeNumber, proxies, keys });
  else {
    const lines = [
      `cluster ${name} created: ${nodeNumber} nodes at ${proxies.join(' ')}`,
      'coordinators bring it to the proxies within seconds: undermoon status',
    ];
    if (keys !== null && keys > 0) {
      lines.push(
        `keys that its Redis servers held before: ${keys}; FLUSHALL at each of its proxies removes them`,
      );
    }
    printText(lines.join('\n'));
  }
}

async function deleteCluster({ broker, invocation }: Call): Promise<void> {
  const name = clusterNameOf(invocation);
  const proxies = proxiesOf(await existingCluster(broker, name));
  if (!invocation.has('yes')) {
    const question = `Delete cluster ${name}? Its keys stay in its Redis servers; clients lose them, and its ${proxies.length} proxies become free.`;
    if (!(await confirm(question))) throw new CommandError('REFUSED', 'nothing was deleted');
  }
  await broker.deleteCluster(name);
  if (invocation.has('json')) printJson({ deleted: name, proxies });
  else printText(`cluster ${name} deleted; free again: ${proxies.join(' ')}`);
}

async function existingCluster(broker: BrokerClient, name: ClusterName): Promise<ClusterMeta> {
  const meta = await broker.cluster(name);
  if (meta !== null) return meta;
  throw new CommandError(
    'REFUSED',
    `there is no cluster ${name}; "undermoon cluster list" shows all`,
  );
}

function proxiesOf({ nodes }: ClusterMeta): string[] {
  return [...new Set(nodes.map(({ proxyAddress }) => proxyAddress))];
}

interface NodeJson {
  readonly address: string;
  readonly proxyAddress: string;
  readonly role: string;
  readonly slots: string;
  readonly moves: readonly SlotMove[];
  readonly peer: string | null;
}

function nodeJson({ address, proxyAddress, role, slots, peers }: NodeMeta): NodeJson {
  return {
    address,
    proxyAddress,
    role,
    slots: slotText(ownedSlots(slots)),
    moves: slotMoves(slots),
    peer: peers[0]?.nodeAddress ?? null,
  };
}
