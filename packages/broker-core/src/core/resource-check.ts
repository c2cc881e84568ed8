// Which hosts may fail? A host F may if every chunk half on it has a survivor, and all those halves are sure to get
// replacements, in whatever order they are failed over. A half whose survivor is on host S takes a free proxy that is
// on neither F nor S. With m halves on F, the others take at most m - 1 of those, so it is sure to get one if
//
//   m <= free proxies on neither F nor S
//
// That is one pass over the proxies and one over the chunk halves.

import type { HostRisk, ResourceCheck } from '@undermoon/broker-api';
import type { ClusterName } from '@undermoon/cluster-meta';
import { isAllocatable } from './allocate.ts';
import type { ApplyContext } from './command.ts';
import { isDown } from './failure-log.ts';
import { CHUNK_PARTS, compareText, otherHalf, type StoreState } from './model.ts';

/** Says for each cluster which hosts must not fail now: a half would be lost, or stay without a replacement. */
export function checkResources(state: StoreState, context: ApplyContext): ResourceCheck {
  const risks = new RiskList();
  const halves = halvesByHost(state, context, risks);
  // In ordered mode a proxy is not replaced: it comes back.
  if (!state.enableOrderedProxy) {
    const free = freeByHost(state);
    const freeTotal = [...free.values()].reduce((sum, count) => sum + count, 0);
    for (const [host, bySurvivor] of halves) {
      const needed = [...bySurvivor.values()].reduce((sum, group) => sum + group.count, 0);
      const elsewhere = freeTotal - (free.get(host) ?? 0);
      for (const [survivorHost, group] of bySurvivor) {
        if (needed <= elsewhere - (free.get(survivorHost) ?? 0)) continue;
        for (const name of group.clusters) risks.add(name, host, 'NO_REPLACEMENT');
      }
    }
  }
  return risks.toCheck();
}

interface HalfGroup {
  count: number;
  readonly clusters: Set<ClusterName>;
}

/** The halves of each host that have a survivor, by the survivor's host. */
function halvesByHost(
  state: StoreState,
  context: ApplyContext,
  risks: RiskList,
): ReadonlyMap<string, ReadonlyMap<string, HalfGroup>> {
  const halves = new Map<string, Map<string, HalfGroup>>();
  for (const [name, { chunks }] of state.clusters) {
    for (const { hosts, proxyAddresses } of chunks) {
      for (const half of CHUNK_PARTS) {
        const host = hosts[half];
        const survivorHost = hosts[otherHalf(half)];
        if (host === survivorHost || isDown(state, proxyAddresses[otherHalf(half)], context)) {
          risks.add(name, host, 'LAST_COPY');
          continue;
        }
        const bySurvivor = getOrAdd(halves, host, () => new Map<string, HalfGroup>());
        const group = getOrAdd(bySurvivor, survivorHost, () => ({ count: 0, clusters: new Set() }));
        group.count++;
        group.clusters.add(name);
      }
    }
  }
  return halves;
}

function freeByHost(state: StoreState): ReadonlyMap<string, number> {
  const free = new Map<string, number>();
  for (const proxy of state.proxies.values()) {
    if (isAllocatable(state, proxy)) free.set(proxy.host, (free.get(proxy.host) ?? 0) + 1);
  }
  return free;
}

class RiskList {
  readonly #byCluster = new Map<ClusterName, Map<string, HostRisk['reason']>>();

  // A lost half outweighs one without a replacement.
  add(name: ClusterName, host: string, reason: HostRisk['reason']): void {
    const hosts = getOrAdd(this.#byCluster, name, () => new Map<string, HostRisk['reason']>());
    if (reason === 'LAST_COPY' || !hosts.has(host)) hosts.set(host, reason);
  }

  toCheck(): ResourceCheck {
    const clusters = [...this.#byCluster]
      .toSorted(([left], [right]) => compareText(left, right))
      .map(([name, hosts]) => ({
        name,
        hosts: [...hosts]
          .toSorted(([left], [right]) => compareText(left, right))
          .map(([host, reason]) => ({ host, reason })),
      }));
    const hosts = new Set(clusters.flatMap((cluster) => cluster.hosts.map(({ host }) => host)));
    return { hostsCannotFail: [...hosts].toSorted(), clusters };
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
