import { auditEntryToJson, auditQuerySchema, parsePayload } from '@undermoon/broker-api';
import {
  document,
  json,
  type RouteCall,
  type RouteContext,
  type RouteReply,
  type RouteRow,
} from './route-row.ts';

/** Routes for those who run a broker. */
export const OPERATION_ROUTES: readonly RouteRow[] = [
  { route: 'metrics', body: 'none', handle: metrics },
  { route: 'audit', body: 'none', handle: audit },
  { route: 'openApi', body: 'none', handle: ({ apiDocument }) => document(apiDocument) },
];

async function metrics({ metrics: numbers }: RouteContext): Promise<RouteReply> {
  const text = await numbers.text();
  return { ok: true, kind: 'text', text, type: numbers.contentType };
}

function audit(context: RouteContext, call: RouteCall): RouteReply {
  const query = parsePayload(auditQuerySchema, call.query);
  if (!query.ok) return { ...query, code: 'INVALID_QUERY' };
  return json({ entries: context.audit.list(query.value).map(auditEntryToJson) });
}
