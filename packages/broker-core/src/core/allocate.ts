// How chunks are made of free proxies.
//
// A chunk's halves are never in one zone; a proxy without a zone is in a zone of its host alone. So a pool of T proxies of
// which the largest zone has m gives min(T / 2, T - m) chunks, and exactly that many are found:
//
// - With n chunks to go, a zone with T - n proxies is critical: were the next chunk made without it, too few others would
//   be left for it. Each step takes one half from every critical zone (there are at most two, since T >= 2n).
// - A step that does so leaves T - 2 proxies, and in no zone more than (T - 2) - (n - 1).
//
// Masters are even over hosts: of each host only so many proxies are used that the cluster has at most L masters on
// any of them, with the smallest L for which the pool still gives all chunks. Within this, the first half comes from the host
// with the most proxies left. The second half comes from the host that shares the fewest chunks with it, so that the
// masters of a host that fails are spread over many others.

import type { Chunk, StoredCluster, StoredProxy } from '@undermoon/broker-api';
import type { NodeAddress } from '@undermoon/cluster-meta';
import type { StoreRefusal } from './command.ts';
import { HostPool, isIn, type FreeHost } from './host-pool.ts';
import { LinkTable } from './link-table.ts';
import { compareText, PROXIES_PER_CHUNK, type StoreState } from './model.ts';

/** Two proxies that become a chunk; the first is half 0. */
export type ProxyPair = readonly [StoredProxy, StoredProxy];

/** The pairs for new chunks, or why they cannot be had. */
export type Allocation = { readonly ok: true; readonly pairs: readonly ProxyPair[] } | StoreRefusal;

/** Chooses proxies for `chunkCount` more chunks of a cluster (null: of a new one). */
export function allocateChunks(
  state: StoreState,
  chunkCount: number,
  cluster: StoredCluster | null = null,
): Allocation {
  const hosts = freeHosts(state, cluster);
  const level = lowestLevel(hosts, chunkCount);
  if (level === null) {
    const total = hosts.reduce((sum, host) => sum + host.proxies.length, 0);
    const needed = chunkCount * PROXIES_PER_CHUNK;
    return noResource(
      `${needed} proxies on at least two hosts (and in two zones, where there are zones) needed, ${total} are free`,
    );
  }
  for (const host of hosts) host.unused = host.proxies.splice(usableAt(host, level)).length;
  const pool = new HostPool(hosts);
  const links = LinkTable.of(state);
  const pairs: ProxyPair[] = [];
  while (pairs.length < chunkCount) {
    const pair = takePair(pool, links, chunkCount - pairs.length);
    if (pair === null) return noResource('the free proxies cannot be paired over two hosts');
    pairs.push(pair);
  }
  return { ok: true, pairs };
}

/**
 * Chooses proxies in ordered mode: the lowest indexes, which have to follow one another from `firstIndex`.
 * Hosts play no part.
 */
export function allocateOrdered(
  state: StoreState,
  chunkCount: number,
  firstIndex: number,
): Allocation {
  const proxyCount = chunkCount * PROXIES_PER_CHUNK;
  const free = [...state.proxies.values()]
    .filter((proxy) => isAllocatable(state, proxy))
    .toSorted(
      (left, right) =>
        left.index - right.index || compareText(left.proxyAddress, right.proxyAddress),
    )
    .slice(0, proxyCount);
  if (free.length < proxyCount) {
    return noResource(`${proxyCount} proxies needed, ${free.length} can be used`);
  }
  const gap = free.findIndex((proxy, position) => proxy.index !== firstIndex + position);
  if (gap !== -1) {
    const message = `no proxy with index ${firstIndex + gap} can be used`;
    return { ok: false, code: 'PROXY_RESOURCE_OUT_OF_ORDER', message };
  }
  const pairs: ProxyPair[] = [];
  for (let i = 0; i < free.length; i += PROXIES_PER_CHUNK) {
    const [first, second] = free.slice(i, i + PROXIES_PER_CHUNK);
    if (first !== undefined && second !== undefined) pairs.push([first, second]);
  }
  return { ok: true, pairs };
}

/** A new chunk without slots. */
export function chunkOf([first, second]: ProxyPair): Chunk {
  return {
    rolePosition: 'Normal',
    stableSlots: [null, null],
    migratingSlots: [[], []],
    proxyAddresses: [first.proxyAddress, second.proxyAddress],
    hosts: [first.host, second.host],
    nodeAddresses: [...first.nodeAddresses, ...second.nodeAddresses],
  };
}

/** All proxies of chunks, in chunk order. */
export function proxiesOf(chunks: readonly Chunk[]): NodeAddress[] {
  return chunks.flatMap((chunk) => chunk.proxyAddresses);
}

/** Whether a proxy may be taken for a chunk: free, not failed, and nobody reports it. */
export function isAllocatable(state: StoreState, proxy: StoredProxy): boolean {
  return (
    proxy.cluster === null &&
    !state.failedProxies.has(proxy.proxyAddress) &&
    !state.failures.has(proxy.proxyAddress)
  );
}

function freeHosts(state: StoreState, cluster: StoredCluster | null): FreeHost[] {
  const masters = new Map<string, number>();
  for (const host of cluster?.chunks.flatMap((chunk) => chunk.hosts) ?? []) {
    masters.set(host, (masters.get(host) ?? 0) + 1);
  }
  const hosts = new Map<string, FreeHost>();
  for (const proxy of state.proxies.values()) {
    if (!isAllocatable(state, proxy)) continue;
    const { host: name } = proxy;
    const known = hosts.get(name);
    if (known === undefined) {
      const masterCount = masters.get(name) ?? 0;
      hosts.set(name, { name, zone: zoneOf(proxy), masterCount, proxies: [proxy], unused: 0 });
    } else known.proxies.push(proxy);
  }
  for (const { proxies } of hosts.values()) {
    proxies.sort(
      (left, right) =>
        right.weight - left.weight || compareText(left.proxyAddress, right.proxyAddress),
    );
  }
  return [...hosts.values()].toSorted((left, right) => compareText(left.name, right.name));
}

// Labels of zones and of hosts are kept apart.
function zoneOf(proxy: StoredProxy): string {
  return proxy.zone === null ? `host ${proxy.host}` : `zone ${proxy.zone}`;
}

function usableAt(host: FreeHost, level: number): number {
  return Math.max(0, Math.min(host.proxies.length, level - host.masterCount));
}

/** The fewest masters per host with which the pool gives the chunks, or null if it does not at all. */
function lowestLevel(hosts: readonly FreeHost[], chunkCount: number): number | null {
  let high = Math.max(0, ...hosts.map((host) => host.masterCount + host.proxies.length));
  if (chunksAt(hosts, high) < chunkCount) return null;
  let low = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunksAt(hosts, middle) >= chunkCount) high = middle;
    else low = middle + 1;
  }
  return low;
}

function chunksAt(hosts: readonly FreeHost[], level: number): number {
  let total = 0;
  const zones = new Map<string, number>();
  for (const host of hosts) {
    const usable = usableAt(host, level);
    total += usable;
    zones.set(host.zone, (zones.get(host.zone) ?? 0) + usable);
  }
  return Math.min(Math.floor(total / 2), total - Math.max(0, ...zones.values()));
}

function takePair(pool: HostPool, links: LinkTable, chunksLeft: number): ProxyPair | null {
  const critical = pool.criticalZones(chunksLeft);
  const first = pool.first(critical);
  const firstProxy = first?.proxies[0];
  if (first === null || firstProxy === undefined) return null;
  const zones = critical.filter((zone) => zone !== first.zone);
  const second = bestPartner(pool, { host: first, proxy: firstProxy, zones }, links);
  if (second === null) return null;
  pool.take(first, firstProxy);
  pool.take(second.host, second.proxy);
  links.add(first.name, second.host.name);
  return [firstProxy, second.proxy];
}

interface Candidate {
  readonly host: FreeHost;
  readonly proxy: StoredProxy;
}

/** The other half: of a like weight, on the host with the fewest links, then with the most proxies left. */
function bestPartner(
  pool: HostPool,
  first: Candidate & { readonly zones: readonly string[] },
  links: LinkTable,
): Candidate | null {
  let best: Candidate | null = null;
  let bestDifference = 0;
  let bestLinks = 0;
  for (const host of pool.hosts()) {
    if (host.zone === first.host.zone || host === first.host || !isIn(host, first.zones)) continue;
    const proxy = closestInWeight(host.proxies, first.proxy.weight);
    if (proxy === null) continue;
    const difference = Math.abs(proxy.weight - first.proxy.weight);
    const linkCount = links.get(first.host.name, host.name);
    const isBetter =
      best === null ||
      difference < bestDifference ||
      (difference === bestDifference && linkCount < bestLinks);
    if (!isBetter) continue;
    best = { host, proxy };
    bestDifference = difference;
    bestLinks = linkCount;
    // None that follows has more proxies left.
    if (difference === 0 && linkCount === 0) break;
  }
  return best;
}

function closestInWeight(proxies: readonly StoredProxy[], weight: number): StoredProxy | null {
  let closest: StoredProxy | null = null;
  for (const proxy of proxies) {
    const isCloser =
      closest === null || Math.abs(proxy.weight - weight) < Math.abs(closest.weight - weight);
    if (isCloser) closest = proxy;
    if (proxy.weight <= weight) break;
  }
  return closest;
}

function noResource(message: string): StoreRefusal {
  return { ok: false, code: 'NO_AVAILABLE_RESOURCE', message };
}
