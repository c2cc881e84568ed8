import { auditEntryToJson, auditQuerySchema, parsePayload } from '@undermoon/broker-api';
import { BrokerError } from '../errors.ts';
import { isShared } from './persistence/meta-storage.ts';
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
  { route: 'ready', body: 'none', handle: readiness },
  { route: 'metrics', body: 'none', handle: metrics },
  { route: 'audit', body: 'none', handle: audit },
  { route: 'openApi', body: 'none', handle: ({ apiDocument }) => document(apiDocument) },
];

// Whether requests should come here. A load balancer that is told no sends none, so a storage that failed is
// tried again from here: nothing else may ever find out that it is back.
async function readiness({ runner, options, isStopping }: RouteContext): Promise<RouteReply> {
  const { storage, readAgeMsMax } = options;
  if (isStopping()) {
    return { ok: false, code: 'SHUTTING_DOWN', message: 'the broker is shutting down' };
  }
  if (isShared(storage)) {
    try {
      await storage.refresh(readAgeMsMax);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return notReady(`the storage cannot be read: ${error.message}`);
    }
    if (storage.writer.kind === 'none') return notReady('no broker leads');
  }
  if (runner.saveFailure !== null) await runner.run({ kind: 'purge-failures' });
  if (runner.saveFailure !== null) return notReady('the latest change could not be saved');
  return json({ status: 'ready' });
}

function notReady(message: string): RouteReply {
  return { ok: false, code: 'NOT_READY', message };
}

async function metrics({ metrics: numbers }: RouteContext): Promise<RouteReply> {
  const text = await numbers.text();
  return { ok: true, kind: 'text', text, type: numbers.contentType };
}

function audit(context: RouteContext, call: RouteCall): RouteReply {
  const query = parsePayload(auditQuerySchema, call.query);
  if (!query.ok) return { ...query, code: 'INVALID_QUERY' };
  return json({ entries: context.audit.list(query.value).map(auditEntryToJson) });
}
