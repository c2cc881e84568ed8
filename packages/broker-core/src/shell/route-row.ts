import type { BrokerRouteName } from '@undermoon/broker-api';
import { parseClusterName, type ClusterName } from '@undermoon/cluster-meta';
import type { ApplyContext, StoreCommand, StoreRefusal } from '../core/command.ts';
import type { ResolvedBrokerOptions } from '../options.ts';
import type { AuditLog } from './audit-log.ts';
import type { DocumentCache } from './document-cache.ts';
import type { JsonDocument } from './document.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { Mutation, Origin } from './mutation.ts';
import type { Replicator } from './replicator.ts';
import type { ScaleJobs } from './scale-jobs.ts';
import type { StoreRunner } from './store-runner.ts';

/** What the routes work on. */
export interface RouteContext {
  readonly options: ResolvedBrokerOptions;
  readonly runner: StoreRunner;
  readonly cache: DocumentCache;
  readonly replicator: Replicator;
  readonly scaleJobs: ScaleJobs;
  readonly metrics: BrokerMetrics;
  readonly audit: AuditLog;
  /** The description of the API. */
  readonly apiDocument: JsonDocument;
  /** Who sent the request, for the audit log; null for what the broker does by itself. */
  readonly origin: Origin | null;
  /** Whether the broker has begun to stop. */
  readonly isStopping: () => boolean;
  /** Takes note of a mutation that did not go through the runner. */
  readonly onMutation: (mutation: Mutation) => void;
  applyContext(): ApplyContext;
}

/** A request as the routes see it. */
export interface RouteCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  /** The decoded JSON body, on routes that take one. */
  readonly body: unknown;
}

/** What a route answers; a refusal is rendered by its code. */
export type RouteReply =
  | { readonly ok: true; readonly kind: 'empty' }
  | { readonly ok: true; readonly kind: 'text'; readonly text: string; readonly type?: string }
  | { readonly ok: true; readonly kind: 'json'; readonly value: unknown }
  | { readonly ok: true; readonly kind: 'document'; readonly document: JsonDocument }
  | StoreRefusal;

/** One route and how it is answered. */
export interface RouteRow {
  readonly route: BrokerRouteName;
  /** `dump` allows the size of a whole state. */
  readonly body: 'none' | 'json' | 'dump';
  handle(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply>;
}

/** The answer without a body. */
export const EMPTY: RouteReply = { ok: true, kind: 'empty' };

/** A route that carries out a mutation of the cluster it names, and answers an empty body. */
export function onCluster(command: (name: ClusterName) => StoreCommand): RouteRow['handle'] {
  return (context, call) => {
    const name = parseClusterName(call.params['name']);
    return name === null ? invalidClusterName() : mutate(context, command(name));
  };
}

/** Carries out a mutation that is answered with an empty body. */
export async function mutate(context: RouteContext, command: StoreCommand): Promise<RouteReply> {
  const { outcome } = await context.runner.run(command, context.origin);
  return outcome.ok ? EMPTY : outcome;
}

/** An answer that is rendered anew. */
export function json(value: unknown): RouteReply {
  return { ok: true, kind: 'json', value };
}

/** A plain text. */
export function text(value: string): RouteReply {
  return { ok: true, kind: 'text', text: value };
}

/** An answer that was rendered before; sent compressed to who accepts it. */
export function document(rendered: JsonDocument): RouteReply {
  return { ok: true, kind: 'document', document: rendered };
}

/** The refusal of a path that names no cluster. */
export function invalidClusterName(): RouteReply {
  const message = 'name: expected 1 to 31 characters out of A-Z a-z 0-9 @ - _';
  return { ok: false, code: 'INVALID_CLUSTER_NAME', message, field: 'name' };
}

/** The refusal of a path that names no registered proxy. */
export function proxyNotFound(): RouteReply {
  return { ok: false, code: 'PROXY_NOT_FOUND', message: 'address: not that of a registered proxy' };
}
