import type { ClusterName } from '@undermoon/cluster-meta';
import { addNodesToJson, addNodesUpToToJson } from '../payloads/scale.ts';

/** A change of a cluster's nodes or slots. */
export type ClusterChange =
  | {
      readonly kind: 'addNodes' | 'addNodesUpTo';
      readonly name: ClusterName;
      readonly nodeNumber: number;
    }
  | {
      readonly kind: 'shrinkCluster' | 'scaleCluster';
      readonly name: ClusterName;
      readonly nodeNumber: number;
    }
  | {
      readonly kind: 'deleteFreeNodes' | 'expandCluster' | 'rebalanceCluster';
      readonly name: ClusterName;
    };

interface ChangeInput {
  readonly params: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
}

/** The parameters and the body of the request for a change; `kind` is its route. */
export function inputOf(change: ClusterChange): ChangeInput {
  const { name } = change;
  switch (change.kind) {
    case 'addNodes':
      return { params: { name }, body: addNodesToJson(change) };
    case 'addNodesUpTo':
      return { params: { name }, body: addNodesUpToToJson(change) };
    case 'shrinkCluster':
    case 'scaleCluster':
      return { params: { name, nodeNumber: change.nodeNumber } };
    default:
      return { params: { name } };
  }
}
