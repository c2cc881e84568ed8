import {
  migrationTaskToJson,
  nodeToJson,
  parseMigrationTaskJson,
  parseNodeJson,
  type ClusterName,
  type MigrationTask,
  type NodeAddress,
  type NodeMeta,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import { documentBy } from './parse-payload.ts';
import { clusterNameSchema, countSchema, nodeAddressSchema } from './primitives.ts';
import { migrationTaskShape, nodeShape } from './wire-shapes.ts';

/** How many nodes to add to a cluster, or to have in it. */
export interface NodeNumberRequest {
  readonly nodeNumber: number;
}

/** What a change of a cluster would do, out of a request with `dry_run=true`. */
export interface ClusterPlan {
  readonly clusterName: ClusterName;
  /** Nodes that the cluster would have. */
  readonly nodeNumber: number;
  /** Proxies that would join, in chunk order. */
  readonly addedProxies: readonly NodeAddress[];
  /** Proxies that would become free. */
  readonly removedProxies: readonly NodeAddress[];
  /** Slots that would be moved, in all. */
  readonly slotCount: number;
  /** The migrations that would be planned, by the addresses of the present masters; their epoch is a guess. */
  readonly tasks: readonly MigrationTask[];
}

/** Reads `{"node_number": n}`: nodes to add. */
export const addNodesSchema: z.ZodType<NodeNumberRequest> = z
  .object({ node_number: countSchema })
  .transform((request) => ({ nodeNumber: request.node_number }));

/** Reads `{"cluster_node_number": n}`: nodes to have. */
export const addNodesUpToSchema: z.ZodType<NodeNumberRequest> = z
  .object({ cluster_node_number: countSchema })
  .transform((request) => ({ nodeNumber: request.cluster_node_number }));

/** Reads the array of nodes that were added. */
export const nodesSchema: z.ZodType<readonly NodeMeta[]> = z.array(
  documentBy((value) => parseNodeJson(value), nodeShape),
);

/** The `dry_run` of a query string: `true` or `1`, `false` or `0`, or absent. */
export const dryRunSchema: z.ZodType<{ readonly isDryRun: boolean }> = z
  .object({ dry_run: z.enum(['true', '1', 'false', '0']).optional() })
  .transform((query) => ({ isDryRun: query.dry_run === 'true' || query.dry_run === '1' }));

/** The `force` of a query string: `true` or `1`, `false` or `0`, or absent. */
export const forceSchema: z.ZodType<{ readonly isForced: boolean }> = z
  .object({ force: z.enum(['true', '1', 'false', '0']).optional() })
  .transform((query) => ({ isForced: query.force === 'true' || query.force === '1' }));

/** Reads a preview. */
export const clusterPlanSchema: z.ZodType<ClusterPlan> = z
  .object({
    plan: z.object({
      cluster_name: clusterNameSchema,
      node_number: countSchema,
      added_proxies: z.array(nodeAddressSchema),
      removed_proxies: z.array(nodeAddressSchema),
      slot_count: countSchema,
      tasks: z.array(documentBy((value) => parseMigrationTaskJson(value), migrationTaskShape)),
    }),
  })
  .transform(({ plan }) => ({
    clusterName: plan.cluster_name,
    nodeNumber: plan.node_number,
    addedProxies: plan.added_proxies,
    removedProxies: plan.removed_proxies,
    slotCount: plan.slot_count,
    tasks: plan.tasks,
  }));

/** The wire form of `ClusterPlan`. */
export function clusterPlanToJson(plan: ClusterPlan): unknown {
  return {
    plan: {
      cluster_name: plan.clusterName,
      node_number: plan.nodeNumber,
      added_proxies: plan.addedProxies,
      removed_proxies: plan.removedProxies,
      slot_count: plan.slotCount,
      tasks: plan.tasks.map(migrationTaskToJson),
    },
  };
}

/** The wire form of nodes that were added. */
export function nodesToJson(nodes: readonly NodeMeta[]): unknown {
  return nodes.map(nodeToJson);
}

/** The wire form of nodes to add. */
export function addNodesToJson(request: NodeNumberRequest): unknown {
  return { node_number: request.nodeNumber };
}

/** The wire form of nodes to have. */
export function addNodesUpToToJson(request: NodeNumberRequest): unknown {
  return { cluster_node_number: request.nodeNumber };
}
