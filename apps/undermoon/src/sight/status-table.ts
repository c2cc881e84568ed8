import Table from 'cli-table3';

import { slotsAndMovesText } from './slot-text.ts';
import { healthOf, type NodeSight, type ProxySight, type Snapshot } from './snapshot.ts';

/** How a table is drawn. */
export interface TableStyle {
  readonly hasColor: boolean;
}

const RESET = '\u001B[0m';
const COLORS = { good: '\u001B[32m', bad: '\u001B[31m', faint: '\u001B[2m' } as const;

/** The proxies with what they are and how they are, a line for each of their Redis servers. */
export function statusTable(snapshot: Snapshot, style: TableStyle): string {
  const { proxies } = snapshot;
  // A column less where no proxy has such an address.
  const hasReplicas = proxies.some(({ replicaAddress }) => replicaAddress !== null);
  const heads = ['PROXY', ...(hasReplicas ? ['REPLICAS AT'] : []), 'CLUSTER', 'EPOCH', 'HEALTH'];
  const rows = proxies.flatMap((proxy) => proxyRows(proxy, hasReplicas, style));
  return plainTable([...heads, 'REDIS', 'SHARD', 'ROLE', 'SLOTS'], rows);
}

/** Rows in columns without lines, as command line tools print them. */
export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
    chars: NO_LINES,
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
} as const;

function proxyRows(proxy: ProxySight, hasReplicas: boolean, style: TableStyle): string[][] {
  const health = healthOf(proxy);
  const color = health === 'ok' ? COLORS.good : COLORS.bad;
  const head = [
    proxy.address,
    ...(hasReplicas ? [proxy.replicaAddress ?? '-'] : []),
    proxy.cluster ?? (proxy.isFailed ? '-' : '(spare)'),
    proxy.epoch === null ? '-' : String(proxy.epoch),
    paint(health, color, style),
  ];
  return proxy.nodes.map((node, index) => [
    ...(index === 0 ? head : head.map(() => '')),
    node.address,
    ...nodeCells(proxy, node, style),
  ]);
}

function nodeCells(proxy: ProxySight, node: NodeSight, style: TableStyle): string[] {
  if (proxy.cluster === null) {
    return ['', proxy.isFailed ? '' : paint('free', COLORS.faint, style), ''];
  }
  const isSilent = node.replication === null && !node.asksPassword;
  const role = isSilent ? paint('no answer', COLORS.bad, style) : node.role;
  return [String(node.shard ?? ''), role, slotsAndMovesText(node.slots, node.moves)];
}

function paint(text: string, color: string, { hasColor }: TableStyle): string {
  return hasColor ? `${color}${text}${RESET}` : text;
}
