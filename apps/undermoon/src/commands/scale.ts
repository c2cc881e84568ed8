import type { BrokerClient, ClusterChange } from '@undermoon/broker-api/client';
import type { ClusterName, MigrationTask } from '@undermoon/cluster-meta';

import { usage, type Command } from '../command-line.ts';
import { slotCountOf, slotText } from '../sight/slot-text.ts';
import { plainTable } from '../sight/status-table.ts';
import { BROKER_FLAGS } from './broker-target.ts';
import { askBroker, clusterNameOf, nodesOf, type Call } from './cluster-call.ts';
import { printJson, printText } from './output.ts';

const DRY_RUN = { name: 'dry-run', doc: 'Show what would be done, and do nothing' } as const;
const NODES = { name: 'nodes', value: 'number' } as const;

/** Commands that change how many nodes a cluster has, and which slots they own. */
export const SCALE_COMMANDS: readonly Command[] = [
  {
    name: 'cluster scale',
    args: ['name'],
    summary: 'Give a cluster more or fewer nodes, and plan the moves of its slots.',
    details:
      'The moves begin when its proxies can move slots; those of this version cannot yet.\n' +
      'Until then, "undermoon cluster migrations <name> --cancel" drops them.',
    flags: [
      { ...NODES, doc: 'Redis servers to have, a multiple of 4 (required)' },
      DRY_RUN,
      ...BROKER_FLAGS,
    ],
    examples: ['undermoon cluster scale demo --nodes 8 --dry-run'],
    run: (invocation) => askBroker(invocation, scaleCluster),
  },
  {
    name: 'cluster add-nodes',
    args: ['name'],
    summary: 'Add nodes without slots to a cluster.',
    flags: [
      { ...NODES, doc: 'Redis servers to add, a multiple of 4 (required)' },
      DRY_RUN,
      ...BROKER_FLAGS,
    ],
    examples: ['undermoon cluster add-nodes demo --nodes 4'],
    run: (invocation) => askBroker(invocation, addNodes),
  },
  {
    name: 'cluster remove-free',
    args: ['name'],
    summary: 'Take the nodes without slots out of a cluster; their proxies become free.',
    flags: [DRY_RUN, ...BROKER_FLAGS],
    examples: ['undermoon cluster remove-free demo'],
    run: (invocation) => askBroker(invocation, removeFree),
  },
  {
    name: 'cluster rebalance',
    args: ['name'],
    summary: 'Plan the moves after which all nodes have their share of the slots.',
    flags: [DRY_RUN, ...BROKER_FLAGS],
    examples: ['undermoon cluster rebalance demo --dry-run'],
    run: (invocation) => askBroker(invocation, rebalance),
  },
  {
    name: 'cluster migrations',
    args: ['name'],
    summary: 'List the moves of slots that are planned or run; pause, resume or cancel them.',
    flags: [
      { name: 'pause', doc: 'Finish the moves that run, and begin no others' },
      { name: 'resume', doc: 'Begin moves again' },
      { name: 'cancel', doc: 'Drop the moves whose slots were not handed over yet' },
      ...BROKER_FLAGS,
    ],
    examples: ['undermoon cluster migrations demo', 'undermoon cluster migrations demo --pause'],
    run: (invocation) => askBroker(invocation, migrations),
  },
  {
    name: 'check',
    args: [],
    summary: 'Say which hosts must not fail now, and for which clusters.',
    flags: BROKER_FLAGS,
    examples: ['undermoon check'],
    run: (invocation) => askBroker(invocation, check),
  },
];

async function scaleCluster(call: Call): Promise<void> {
  const { broker, invocation } = call;
  const name = clusterNameOf(invocation);
  const nodeNumber = nodesOf(invocation, 'cluster scale');
  if (invocation.has('dry-run')) {
    await preview(call, { kind: 'scaleCluster', name, nodeNumber }, nodeNumber);
    return;
  }
  await broker.scaleCluster(name, nodeNumber);
  const [planned, info] = await Promise.all([broker.migrations(name), broker.clusterInfo(name)]);
  const count = planned.migrations.length;
  if (invocation.has('json')) printJson({ scaled: name, nodeNumber, migrations: count });
  else if (count === 0) printText(`cluster ${name} has ${nodeNumber} nodes`);
  else {
    const surplus = info.nodeNumber - nodeNumber;
    printText([plannedText(name, count), ...surplusLines(name, surplus)].join('\n'));
  }
}

// Nodes stay in the cluster when they have given their slots away.
function surplusLines(name: ClusterName, surplus: number): string[] {
  if (surplus <= 0) return [];
  return [
    `then ${surplus} nodes have no slots: "undermoon cluster remove-free ${name}" frees them`,
  ];
}

async function addNodes(call: Call): Promise<void> {
  const { broker, invocation } = call;
  const name = clusterNameOf(invocation);
  const nodeNumber = nodesOf(invocation, 'cluster add-nodes');
  if (invocation.has('dry-run')) {
    await preview(call, { kind: 'addNodes', name, nodeNumber });
    return;
  }
  const nodes = await broker.addNodes(name, nodeNumber);
  const proxies = [...new Set(nodes.map((node) => node.proxyAddress))];
  if (invocation.has('json')) printJson({ added: name, nodeNumber, proxies });
  else printText(`${nodeNumber} nodes added to cluster ${name}, at ${proxies.join(' ')}`);
}

async function removeFree(call: Call): Promise<void> {
  const { broker, invocation } = call;
  const name = clusterNameOf(invocation);
  if (invocation.has('dry-run')) {
    await preview(call, { kind: 'deleteFreeNodes', name });
    return;
  }
  await broker.deleteFreeNodes(name);
  if (invocation.has('json')) printJson({ removedFrom: name });
  else printText(`cluster ${name} has nodes with slots only`);
}

async function rebalance(call: Call): Promise<void> {
  const { broker, invocation } = call;
  const name = clusterNameOf(invocation);
  if (invocation.has('dry-run')) {
    await preview(call, { kind: 'rebalanceCluster', name });
    return;
  }
  await broker.rebalanceCluster(name);
  const count = (await broker.migrations(name)).migrations.length;
  if (invocation.has('json')) printJson({ rebalanced: name, migrations: count });
  else printText(plannedText(name, count));
}

function plannedText(name: ClusterName, count: number): string {
  return (
    `${count} moves planned: undermoon cluster migrations ${name}\n` +
    'they wait until its proxies can move slots, which those of this version cannot; --cancel drops them'
  );
}

async function migrations({ broker, invocation }: Call): Promise<void> {
  const name = clusterNameOf(invocation);
  const chosen = (['pause', 'resume', 'cancel'] as const).filter((flag) => invocation.has(flag));
  const [action, ...others] = chosen;
  if (others.length > 0) throw usage(`--${chosen.join(' and --')} exclude each other`);
  if (action === 'pause') await broker.pauseMigrations(name);
  if (action === 'resume') await broker.resumeMigrations(name);
  if (action === 'cancel') await broker.cancelMigrations(name);
  const { isPaused, migrations: planned } = await broker.migrations(name);
  if (invocation.has('json')) {
    const list = planned.map(({ task, isRunning }) => ({ ...taskJson(task), isRunning }));
    printJson({ cluster: name, isPaused, migrations: list });
  } else if (planned.length === 0) printText(await noMovesText(broker, name));
  else {
    const waiting = isPaused ? 'paused' : 'waits';
    const rows = planned.map(({ task, isRunning }) => [
      ...taskRow(task),
      isRunning ? 'runs' : waiting,
    ]);
    printText(plainTable([...TASK_HEAD, 'STATE'], rows));
  }
}

// What a cancelled plan leaves behind.
async function noMovesText(broker: BrokerClient, name: ClusterName): Promise<string> {
  const { nodeNumber, nodeNumberWithSlots } = await broker.clusterInfo(name);
  const free = nodeNumber - nodeNumberWithSlots;
  const text = `no slots of cluster ${name} are being moved`;
  if (free === 0) return text;
  return `${text}; ${free} of its nodes have none: "undermoon cluster remove-free ${name}" frees them, "rebalance" gives them some`;
}

async function check({ broker, invocation }: Call): Promise<void> {
  const { hostsCannotFail, clusters } = await broker.checkResources();
  if (invocation.has('json')) printJson({ hostsCannotFail, clusters });
  else if (hostsCannotFail.length === 0) printText('any one host may fail');
  else {
    const meanings = { NO_REPLACEMENT: 'no free proxy to replace it', LAST_COPY: 'last copy' };
    const rows = clusters.flatMap(({ name, hosts }) =>
      hosts.map(({ host, reason }) => [host, name, meanings[reason]]),
    );
    const bare = clusters.length === 0 ? hostsCannotFail.map((host) => [host, '', '']) : rows;
    printText(plainTable(['MUST NOT FAIL', 'CLUSTER', 'REASON'], bare));
  }
}

async function preview(
  { broker, invocation }: Call,
  change: ClusterChange,
  wantedNodes?: number,
): Promise<void> {
  const plan = await broker.previewChange(change);
  if (invocation.has('json')) {
    const { addedProxies, removedProxies, nodeNumber, slotCount } = plan;
    const moves = plan.tasks.map(taskJson);
    printJson({
      plan: plan.clusterName,
      nodeNumber,
      addedProxies,
      removedProxies,
      slotCount,
      moves,
    });
    return;
  }
  const lines = [`cluster ${plan.clusterName} would have ${plan.nodeNumber} nodes`];
  if (plan.addedProxies.length > 0) lines.push(`joining: ${plan.addedProxies.join(' ')}`);
  if (plan.removedProxies.length > 0) lines.push(`leaving: ${plan.removedProxies.join(' ')}`);
  if (plan.tasks.length > 0) {
    lines.push(`slots to move: ${plan.slotCount}`, plainTable(TASK_HEAD, plan.tasks.map(taskRow)));
  }
  if (wantedNodes !== undefined) {
    lines.push(...surplusLines(plan.clusterName, plan.nodeNumber - wantedNodes));
  }
  printText(lines.join('\n'));
}

const TASK_HEAD: readonly string[] = ['FROM', 'TO', 'COUNT', 'SLOTS'];

function taskRow(task: MigrationTask): string[] {
  const { from, to, slots } = taskJson(task);
  return [from, to, String(slotCountOf([task.slots])), slots];
}

function taskJson({ slots }: MigrationTask): { from: string; to: string; slots: string } {
  const { tag } = slots;
  const [from, to] =
    tag.kind === 'none' ? ['', ''] : [tag.meta.srcNodeAddress, tag.meta.dstNodeAddress];
  return { from, to, slots: slotText([slots]) };
}
