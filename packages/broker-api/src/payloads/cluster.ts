import {
  clusterToJson,
  parseClusterJson,
  type ClusterMeta,
  type ClusterName,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import { documentBy, mapOf } from './parse-payload.ts';
import { clusterNameSchema, countSchema } from './primitives.ts';
import { clusterShape } from './wire-shapes.ts';

/** `{"cluster": …}`; null when there is no such cluster. */
export interface ClusterPayload {
  readonly cluster: ClusterMeta | null;
}

/** A short summary of a cluster, on the view that the migration limit leaves visible. */
export interface ClusterInfo {
  readonly name: ClusterName;
  /** Four per chunk. */
  readonly nodeNumber: number;
  /** Two per chunk half that owns slots. */
  readonly nodeNumberWithSlots: number;
  readonly isMigrating: boolean;
}

/** How many nodes a new cluster gets: a multiple of 4. */
export interface CreateClusterRequest {
  readonly nodeNumber: number;
}

/** Changes of a cluster's flat configuration fields, in the order given. */
export type ConfigChanges = readonly (readonly [field: string, value: string])[];

/**
 * Reads `{"cluster": …}`. A body without the member, as errors of the original have, is no cluster:
 * check the status first.
 */
export const clusterSchema: z.ZodType<ClusterPayload> = z
  .object({ cluster: z.nullable(documentBy(parseClusterJson, clusterShape)).optional() })
  .transform(({ cluster }) => ({ cluster: cluster ?? null }));

/** Reads a cluster's summary. */
export const clusterInfoSchema: z.ZodType<ClusterInfo> = z
  .object({
    name: clusterNameSchema,
    node_number: countSchema,
    node_number_with_slots: countSchema,
    is_migrating: z.boolean(),
  })
  .transform((info) => ({
    name: info.name,
    nodeNumber: info.node_number,
    nodeNumberWithSlots: info.node_number_with_slots,
    isMigrating: info.is_migrating,
  }));

/** Reads `{"node_number": n}`; whether the number is allowed is for the store to say. */
export const createClusterSchema: z.ZodType<CreateClusterRequest> = z
  .object({ node_number: countSchema })
  .transform((request) => ({ nodeNumber: request.node_number }));

/** Reads an object of texts, in the order of its members. */
export const configChangesSchema: z.ZodType<ConfigChanges> = mapOf(
  (key) => key,
  'a field name',
  z.string(),
).transform((changes) => [...changes]);

/** The wire form of `ClusterPayload`. */
export function clusterPayloadToJson(payload: ClusterPayload): unknown {
  return { cluster: payload.cluster === null ? null : clusterToJson(payload.cluster) };
}

/** The wire form of `ClusterInfo`. */
export function clusterInfoToJson(info: ClusterInfo): unknown {
  return {
    name: info.name,
    node_number: info.nodeNumber,
    node_number_with_slots: info.nodeNumberWithSlots,
    is_migrating: info.isMigrating,
  };
}

/** The wire form of `CreateClusterRequest`. */
export function createClusterToJson(request: CreateClusterRequest): unknown {
  return { node_number: request.nodeNumber };
}
