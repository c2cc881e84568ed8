import type { StoredProxy } from '@undermoon/broker-api';
import { isAllocatable } from './allocate.ts';
import { linksOf } from './link-table.ts';
import { compareText, type StoreState } from './model.ts';

/** The two halves of a chunk of which one has to be replaced. */
export interface BrokenChunk {
  readonly failedHost: string;
  readonly survivorHost: string;
  readonly survivorZone: string | null;
  /** What the failed half was registered with. */
  readonly weight: number;
}

interface HostOffer {
  readonly name: string;
  proxy: StoredProxy;
  count: number;
}

/**
 * Chooses the proxy that takes the place of a failed one, or null. Never on the survivor's host, where one
 * host's failure would take both copies. In the survivor's zone, and on the failed one's own host, only if
 * there is no other; then by links with the survivor, by weight, and where the most proxies are free.
 */
export function chooseReplacement(state: StoreState, chunk: BrokenChunk): StoredProxy | null {
  const links = linksOf(state, chunk.survivorHost);
  const rankOf = (offer: HostOffer): readonly number[] => [
    offer.proxy.zone !== null && offer.proxy.zone === chunk.survivorZone ? 1 : 0,
    offer.name === chunk.failedHost ? 1 : 0,
    links.get(offer.name) ?? 0,
    Math.abs(offer.proxy.weight - chunk.weight),
    -offer.count,
  ];
  let best: HostOffer | null = null;
  for (const offer of offersOf(state, chunk)) {
    if (best === null || isBefore(offer, best, rankOf)) best = offer;
  }
  return best?.proxy ?? null;
}

/** For each host that may have the replacement, its free proxy of the closest weight. */
function offersOf(state: StoreState, { survivorHost, weight }: BrokenChunk): Iterable<HostOffer> {
  const offers = new Map<string, HostOffer>();
  for (const proxy of state.proxies.values()) {
    if (proxy.host === survivorHost || !isAllocatable(state, proxy)) continue;
    const offer = offers.get(proxy.host);
    if (offer === undefined) {
      offers.set(proxy.host, { name: proxy.host, proxy, count: 1 });
      continue;
    }
    offer.count++;
    const closer = Math.abs(proxy.weight - weight) - Math.abs(offer.proxy.weight - weight);
    const order = closer || compareText(proxy.proxyAddress, offer.proxy.proxyAddress);
    if (order < 0) offer.proxy = proxy;
  }
  return offers.values();
}

function isBefore(
  left: HostOffer,
  right: HostOffer,
  rankOf: (offer: HostOffer) => readonly number[],
): boolean {
  const ranks = rankOf(right);
  for (const [index, rank] of rankOf(left).entries()) {
    const other = ranks[index] ?? 0;
    if (rank !== other) return rank < other;
  }
  return compareText(left.name, right.name) < 0;
}
