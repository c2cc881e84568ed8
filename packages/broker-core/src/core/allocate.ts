import type { Chunk, StoredProxy } from '@undermoon/broker-api';
import type { NodeAddress } from '@undermoon/cluster-meta';
import type { StoreRefusal } from './command.ts';
import { compareText, PROXIES_PER_CHUNK, type StoreState } from './model.ts';

/** Two proxies that become a chunk; the first is half 0. */
export type ProxyPair = readonly [StoredProxy, StoredProxy];

/** The pairs for new chunks, or why they cannot be had. */
export type Allocation = { readonly ok: true; readonly pairs: readonly ProxyPair[] } | StoreRefusal;

/** How often two hosts share a chunk: the failover load they would put on each other. */
export class LinkTable {
  readonly #counts = new Map<string, number>();

  static of(state: StoreState): LinkTable {
    const table = new LinkTable();
    for (const cluster of state.clusters.values()) {
      for (const { hosts } of cluster.chunks) table.add(hosts[0], hosts[1]);
    }
    return table;
  }

  get(left: string, right: string): number {
    return this.#counts.get(pairKey(left, right)) ?? 0;
  }

  add(left: string, right: string): void {
    this.#counts.set(pairKey(left, right), this.get(left, right) + 1);
  }
}

/** Chooses proxies for `chunkCount` chunks: halves on different hosts, load spread over hosts. */
export function allocateChunks(state: StoreState, chunkCount: number): Allocation {
  const proxyCount = chunkCount * PROXIES_PER_CHUNK;
  const hosts = allocatableByHost(state);
  trimLargestHost(hosts);
  const total = hosts.reduce((sum, host) => sum + host.proxies.length, 0);
  if (total < proxyCount) {
    return noResource(`${proxyCount} proxies on at least two hosts needed, ${total} can be used`);
  }
  const links = LinkTable.of(state);
  const pairs: ProxyPair[] = [];
  while (pairs.length < chunkCount) {
    const pair = takePair(hosts, links);
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
    .toSorted((left, right) => left.index - right.index || byAddress(left, right))
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

/**
 * Chooses the proxy that takes the place of a failed one, or null. Never on the survivor's host, where one
 * host's failure would take both copies; on the failed one's own host only if no other host has a proxy.
 */
export function chooseReplacement(
  state: StoreState,
  failedHost: string,
  survivorHost: string,
): StoredProxy | null {
  const links = LinkTable.of(state);
  const [best] = allocatableByHost(state)
    .filter((host) => host.name !== survivorHost)
    .toSorted(
      (left, right) =>
        Number(left.name === failedHost) - Number(right.name === failedHost) ||
        links.get(left.name, survivorHost) - links.get(right.name, survivorHost) ||
        right.proxies.length - left.proxies.length ||
        compareText(left.name, right.name),
    );
  return best?.proxies[0] ?? null;
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

interface FreeHost {
  readonly name: string;
  /** By address; taken from the front. */
  readonly proxies: StoredProxy[];
}

/** Whether a proxy may be taken for a chunk: free, not failed, and nobody reports it. */
export function isAllocatable(state: StoreState, proxy: StoredProxy): boolean {
  return (
    proxy.cluster === null &&
    !state.failedProxies.has(proxy.proxyAddress) &&
    !state.failures.has(proxy.proxyAddress)
  );
}

function allocatableByHost(state: StoreState): FreeHost[] {
  const byHost = new Map<string, StoredProxy[]>();
  for (const proxy of state.proxies.values()) {
    if (!isAllocatable(state, proxy)) continue;
    const proxies = byHost.get(proxy.host);
    if (proxies === undefined) byHost.set(proxy.host, [proxy]);
    else proxies.push(proxy);
  }
  return [...byHost]
    .map(([name, proxies]) => ({ name, proxies: proxies.toSorted(byAddress) }))
    .toSorted((left, right) => compareText(left.name, right.name));
}

// A host with more than half of all proxies cannot pair them all; the rest of them is not used.
function trimLargestHost(hosts: readonly FreeHost[]): void {
  const largest = mostRemaining(hosts);
  if (largest === undefined) return;
  const others = hosts.reduce((sum, host) => sum + host.proxies.length, 0) - largest.proxies.length;
  if (largest.proxies.length > others) largest.proxies.length = others;
}

function takePair(hosts: readonly FreeHost[], links: LinkTable): ProxyPair | null {
  const first = mostRemaining(hosts);
  if (first === undefined) return null;
  const [second] = hosts
    .filter((host) => host !== first && host.proxies.length > 0)
    .toSorted(
      (left, right) =>
        links.get(first.name, left.name) - links.get(first.name, right.name) ||
        right.proxies.length - left.proxies.length ||
        compareText(left.name, right.name),
    );
  const firstProxy = first.proxies.shift();
  const secondProxy = second?.proxies.shift();
  if (second === undefined || firstProxy === undefined || secondProxy === undefined) return null;
  links.add(first.name, second.name);
  return [firstProxy, secondProxy];
}

function mostRemaining(hosts: readonly FreeHost[]): FreeHost | undefined {
  let most: FreeHost | undefined;
  for (const host of hosts) {
    if (host.proxies.length > (most?.proxies.length ?? 0)) most = host;
  }
  return most;
}

function byAddress(left: StoredProxy, right: StoredProxy): number {
  return compareText(left.proxyAddress, right.proxyAddress);
}

// The length prefix keeps keys apart whatever the labels contain.
function pairKey(left: string, right: string): string {
  const [low, high] = left < right ? [left, right] : [right, left];
  return `${low.length}:${low}${high}`;
}

function noResource(message: string): StoreRefusal {
  return { ok: false, code: 'NO_AVAILABLE_RESOURCE', message };
}
