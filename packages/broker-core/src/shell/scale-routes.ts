import {
  addNodesSchema,
  addNodesUpToSchema,
  clusterMigrationsToJson,
  clusterPlanToJson,
  dryRunSchema,
  nodesToJson,
  parsePayload,
} from '@undermoon/broker-api';
import { parseClusterName, type ClusterName } from '@undermoon/cluster-meta';
import { apply } from '../core/apply.ts';
import type { StoreCommand, StoreRefusal } from '../core/command.ts';
import { planBetween } from '../core/preview.ts';
import { clusterMigrations, clusterView } from '../core/query.ts';
import { askEach } from './ask-proxy.ts';
import {
  EMPTY,
  invalidClusterName,
  json,
  onCluster,
  type RouteCall,
  type RouteContext,
  type RouteReply,
  type RouteRow,
} from './route-row.ts';

/** Routes that change how many nodes a cluster has, and which slots they own. */
export const SCALE_ROUTES: readonly RouteRow[] = [
  { route: 'addNodes', body: 'json', handle: addNodes },
  { route: 'addNodesUpTo', body: 'json', handle: addNodesUpTo },
  { route: 'deleteFreeNodes', body: 'none', handle: changing('delete-free-nodes') },
  { route: 'expandCluster', body: 'none', handle: changing('expand') },
  { route: 'shrinkCluster', body: 'none', handle: shrinkCluster },
  { route: 'scaleCluster', body: 'none', handle: scaleCluster },
  { route: 'rebalanceCluster', body: 'none', handle: changing('rebalance') },
  { route: 'migrations', body: 'none', handle: migrations },
  { route: 'pauseMigrations', body: 'none', handle: controlling('pause-migrations') },
  { route: 'resumeMigrations', body: 'none', handle: controlling('resume-migrations') },
  { route: 'cancelMigrations', body: 'none', handle: cancelMigrations },
];

type ScaleCommand = Extract<
  StoreCommand,
  {
    kind:
      | 'add-nodes'
      | 'add-nodes-up-to'
      | 'delete-free-nodes'
      | 'expand'
      | 'shrink'
      | 'rebalance'
      | 'scale';
  }
>;

function addNodes(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const body = parsePayload(addNodesSchema, call.body);
  if (!body.ok) return body;
  return change(context, call, { kind: 'add-nodes', name, nodeNumber: body.value.nodeNumber });
}

function addNodesUpTo(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const body = parsePayload(addNodesUpToSchema, call.body);
  if (!body.ok) return body;
  return change(context, call, {
    kind: 'add-nodes-up-to',
    name,
    nodeNumber: body.value.nodeNumber,
  });
}

function shrinkCluster(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const nodeNumber = parseNodeNumber(call.params['nodeNumber']);
  if (typeof nodeNumber !== 'number') return nodeNumber;
  return change(context, call, { kind: 'shrink', name, nodeNumber });
}

async function scaleCluster(context: RouteContext, call: RouteCall): Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const nodeNumber = parseNodeNumber(call.params['nodeNumber']);
  if (typeof nodeNumber !== 'number') return nodeNumber;
  const query = parsePayload(dryRunSchema, call.query);
  if (!query.ok) return { ...query, code: 'INVALID_QUERY' };
  if (query.value.isDryRun) {
    return preview(context, name, [
      { kind: 'scale', name, nodeNumber },
      { kind: 'expand', name },
    ]);
  }
  const outcome = await context.scaleJobs.scale(name, nodeNumber, context.origin);
  return outcome.ok ? EMPTY : outcome;
}

function changing(kind: 'delete-free-nodes' | 'expand' | 'rebalance'): RouteRow['handle'] {
  return (context, call) => {
    const name = parseClusterName(call.params['name']);
    return name === null ? invalidClusterName() : change(context, call, { kind, name });
  };
}

function migrations({ runner, options }: RouteContext, call: RouteCall): RouteReply {
  const name = parseClusterName(call.params['name']);
  const cluster = name === null ? undefined : runner.state.clusters.get(name);
  if (cluster === undefined) {
    return { ok: false, code: 'CLUSTER_NOT_FOUND', message: 'there is no such cluster' };
  }
  return json(clusterMigrationsToJson(clusterMigrations(cluster, options.migrationLimit)));
}

function controlling(kind: 'pause-migrations' | 'resume-migrations'): RouteRow['handle'] {
  return onCluster((name) => ({ kind, name }));
}

// Those that run are dropped only if their source agrees, by its own word: nobody else knows whether it has
// handed the slots over.
async function cancelMigrations(context: RouteContext, call: RouteCall): Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const { runner, options, origin } = context;
  const cluster = runner.state.clusters.get(name);
  const planned =
    cluster === undefined ? [] : clusterMigrations(cluster, options.migrationLimit).migrations;
  const running = planned.filter(({ isRunning }) => isRunning).map(({ task }) => task);
  const answers = await askEach(running, options.askToCancel);
  const agreed = running.filter((_, index) => answers[index] === 'cancelled');
  const { outcome } = await runner.run({ kind: 'cancel-migrations', name, agreed }, origin);
  if (outcome.ok) return EMPTY;
  if (outcome.code !== 'MIGRATION_RUNNING' || !answers.includes('committed')) return outcome;
  const message = `the slots that cluster ${name} moves were handed over already; that is being committed`;
  return { ...outcome, message };
}

async function change(
  context: RouteContext,
  call: RouteCall,
  command: ScaleCommand,
): Promise<RouteReply> {
  const query = parsePayload(dryRunSchema, call.query);
  if (!query.ok) return { ...query, code: 'INVALID_QUERY' };
  if (query.value.isDryRun) return preview(context, command.name, [command]);
  const refusal = context.scaleJobs.refusalOf(command.name);
  if (refusal !== null) return refusal;
  const step = await context.runner.run(command, context.origin);
  if (!step.outcome.ok) return step.outcome;
  const added = step.events.find((event) => event.kind === 'nodes-added');
  const cluster = step.state.clusters.get(command.name);
  if (added === undefined || cluster === undefined) return EMPTY;
  const { nodes } = clusterView(step.state, cluster, context.options.migrationLimit);
  return json(nodesToJson(nodes.slice(-added.nodeNumber)));
}

/** What commands would do to a cluster, one after the other; those after the first only if they can. */
function preview(
  context: RouteContext,
  name: ClusterName,
  commands: readonly ScaleCommand[],
): RouteReply {
  const before = context.runner.state;
  let state = before;
  for (const command of commands) {
    const step = apply(state, command, context.applyContext());
    if (!step.outcome.ok && command === commands[0]) return step.outcome;
    if (step.outcome.ok) state = step.state;
  }
  const plan = planBetween(before, state, name);
  return plan === null ? json({ plan: null }) : json(clusterPlanToJson(plan));
}

function parseNodeNumber(text: string | undefined): number | StoreRefusal {
  if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text);
  const message = 'nodeNumber: expected a whole number';
  return { ok: false, code: 'INVALID_REQUEST', message, field: 'nodeNumber' };
}
