import {
  parseProxyJson,
  proxyToJson,
  type NodeAddress,
  type ProxyMeta,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import { documentBy } from './parse-payload.ts';
import { countSchema, nodeAddressSchema, weightSchema, zoneSchema } from './primitives.ts';
import { proxyShape } from './wire-shapes.ts';

/** `{"proxy": …}`; null when there is no such proxy, or a failover found nothing to replace. */
export interface ProxyPayload {
  readonly proxy: ProxyMeta | null;
}

/** Registers a proxy with its two Redis servers. */
export interface AddProxyRequest {
  /** Kept as text: the broker answers INVALID_PROXY_ADDRESS when it is not `host:port`. */
  readonly proxyAddress: string;
  readonly nodes: readonly [NodeAddress, NodeAddress];
  /** Fault domain; the host of the address when left out. */
  readonly host?: string | undefined;
  /** Ordinal of the proxy; only used (and then required) in ordered mode. */
  readonly index?: number | undefined;
  /**
   * Zone, rack or the like: halves of a chunk are put into different ones. All proxies of a host have the same.
   * Registering again changes it. Older brokers ignore it.
   */
  readonly zone?: string | undefined;
  /**
   * Share of the slots against other proxies, from 1 to 1,000; 100 when left out. A chunk has the smaller weight
   * of its two proxies. Registering again changes it. Older brokers ignore it.
   */
  readonly weight?: number | undefined;
  /**
   * Where clients reach the proxy as a replica while it has masters too: an address that no other proxy or Redis
   * server has. Registering again changes it, or removes it when it is left out. Older brokers ignore it.
   */
  readonly replicaAddress?: NodeAddress | undefined;
}

/** Reads `{"proxy": …}`. A body without the member is no proxy: check the status first. */
export const proxySchema: z.ZodType<ProxyPayload> = z
  .object({ proxy: z.nullable(documentBy(parseProxyJson, proxyShape)).optional() })
  .transform(({ proxy }) => ({ proxy: proxy ?? null }));

/**
 * Reads a registration. The proxy's own address may be any text; the two nodes are different
 * addresses.
 */
export const addProxySchema: z.ZodType<AddProxyRequest> = z
  .object({
    proxy_address: z.string(),
    nodes: z.tuple([nodeAddressSchema, nodeAddressSchema]),
    host: z.string().min(1).max(255).nullish(),
    index: countSchema.nullish(),
    zone: zoneSchema.nullish(),
    weight: weightSchema.nullish(),
    replica_address: nodeAddressSchema.nullish(),
  })
  .refine((request) => request.nodes[0] !== request.nodes[1], {
    path: ['nodes', 1],
    message: 'expected two different Redis servers',
  })
  .transform((request) => ({
    proxyAddress: request.proxy_address,
    nodes: request.nodes,
    host: request.host ?? undefined,
    index: request.index ?? undefined,
    zone: request.zone ?? undefined,
    weight: request.weight ?? undefined,
    replicaAddress: request.replica_address ?? undefined,
  }));

/** The wire form of `ProxyPayload`. */
export function proxyPayloadToJson(payload: ProxyPayload): unknown {
  return { proxy: payload.proxy === null ? null : proxyToJson(payload.proxy) };
}

/** The wire form of `AddProxyRequest`. */
export function addProxyToJson(request: AddProxyRequest): unknown {
  return {
    proxy_address: request.proxyAddress,
    nodes: request.nodes,
    host: request.host ?? null,
    index: request.index ?? null,
    ...(request.zone === undefined ? {} : { zone: request.zone }),
    ...(request.weight === undefined ? {} : { weight: request.weight }),
    ...(request.replicaAddress === undefined ? {} : { replica_address: request.replicaAddress }),
  };
}
