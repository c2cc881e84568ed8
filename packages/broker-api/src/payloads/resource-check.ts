import type { ClusterName } from '@undermoon/cluster-meta';
import { z } from 'zod';
import { clusterNameSchema } from './primitives.ts';

/**
 * A host that must not fail now. `NO_REPLACEMENT`: a chunk half on it may stay without a replacement;
 * `LAST_COPY`: the other half is down or on the same host, so that keys would be lost.
 */
export interface HostRisk {
  readonly host: string;
  readonly reason: 'NO_REPLACEMENT' | 'LAST_COPY';
}

/** Which hosts must not fail now. */
export interface ResourceCheck {
  /** All of them, sorted. */
  readonly hostsCannotFail: readonly string[];
  /** Those of each cluster that has any; none from a broker of version 0.6.2. */
  readonly clusters: readonly {
    readonly name: ClusterName;
    readonly hosts: readonly HostRisk[];
  }[];
}

const hostRiskSchema = z.object({
  host: z.string(),
  reason: z.enum(['NO_REPLACEMENT', 'LAST_COPY']),
});

/** Reads `{"hosts_cannot_fail": [...], "clusters": [...]}`. */
export const resourceCheckSchema: z.ZodType<ResourceCheck> = z
  .object({
    hosts_cannot_fail: z.array(z.string()),
    clusters: z
      .array(z.object({ name: clusterNameSchema, hosts: z.array(hostRiskSchema) }))
      .optional(),
  })
  .transform((check) => ({
    hostsCannotFail: check.hosts_cannot_fail,
    clusters: check.clusters ?? [],
  }));

/** The wire form of `ResourceCheck`. */
export function resourceCheckToJson(check: ResourceCheck): unknown {
  return { hosts_cannot_fail: check.hostsCannotFail, clusters: check.clusters };
}
