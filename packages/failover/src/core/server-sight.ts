import type { NodeAddress } from '@undermoon/cluster-meta';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import type { Outcome } from '@undermoon/runtime';
import { accept, refuse } from '@undermoon/runtime';

/** What a proxy says of one Redis server beside it. */
export interface ServerSight {
  readonly node: NodeAddress;
  /** Whom it is to replicate; null for a master. */
  readonly master: NodeAddress | null;
  /** Since it was first found out of reach; 0 while it answers. */
  readonly missedMs: number;
  /**
   * Of a master: since its replica had acknowledged everything for sure. Of a replica: since it was in step. Null:
   * not since the proxy reached it, or gave it this role.
   */
  readonly copiedMs: number | null;
}

/** More than any proxy has: two servers with one partner each are usual. */
const SERVERS_MAX = 64;
const LINES_MAX = 256;

/**
 * The reply to INFOREPL. Servers of which the proxy does not tell whether it reaches them, as one of undermoon 0.6.2,
 * are left out.
 */
export function serverSightsOf(value: unknown): Outcome<readonly ServerSight[], 'PROXY_BAD_REPLY'> {
  if (!Array.isArray(value)) return refuse('PROXY_BAD_REPLY', 'INFOREPL: expected an array');
  if (value.length > SERVERS_MAX) {
    return refuse('PROXY_BAD_REPLY', `INFOREPL: more than ${SERVERS_MAX} servers`);
  }
  const sights: ServerSight[] = [];
  for (const element of value as unknown[]) {
    const fields = fieldsOf(element);
    if (fields === null) {
      const expected = `expected up to ${LINES_MAX} lines for each server`;
      return refuse('PROXY_BAD_REPLY', `INFOREPL: ${expected}`);
    }
    if (!fields.has('missed_ms')) continue;
    const sight = sightOf(fields);
    if (!sight.ok) return sight;
    sights.push(sight.value);
  }
  return accept(sights);
}

function sightOf(fields: ReadonlyMap<string, string>): Outcome<ServerSight, 'PROXY_BAD_REPLY'> {
  const node = parseNodeAddress(fields.get('node_address') ?? '');
  if (node === null) return wrong('node_address', fields);
  const missedMs = millisOf(fields.get('missed_ms'));
  if (missedMs === null) return wrong('missed_ms', fields);
  const copiedMs = fields.get('copied_ms') === '-1' ? null : millisOf(fields.get('copied_ms'));
  if (copiedMs === null && fields.get('copied_ms') !== '-1') return wrong('copied_ms', fields);
  const followed = fields.get('master');
  if (followed === undefined) return accept({ node, master: null, missedMs, copiedMs });
  const master = parseNodeAddress(followed.slice(0, followed.indexOf('@')));
  if (master === null) return wrong('master', fields);
  return accept({ node, master, missedMs, copiedMs });
}

/** Of lines such as `name:value`, the first of each name. */
function fieldsOf(lines: unknown): ReadonlyMap<string, string> | null {
  if (!Array.isArray(lines) || lines.length > LINES_MAX) return null;
  const fields = new Map<string, string>();
  for (const line of lines as unknown[]) {
    if (typeof line !== 'string') return null;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!fields.has(name)) fields.set(name, line.slice(colon + 1).trimEnd());
  }
  return fields;
}

function millisOf(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return null;
  return Number(text);
}

function wrong(
  field: string,
  fields: ReadonlyMap<string, string>,
): Outcome<ServerSight, 'PROXY_BAD_REPLY'> {
  const shown = JSON.stringify((fields.get(field) ?? 'nothing').slice(0, 64));
  return refuse('PROXY_BAD_REPLY', `INFOREPL: ${field} is ${shown}`);
}
