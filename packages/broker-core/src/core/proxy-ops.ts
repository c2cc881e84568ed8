import { DEFAULT_WEIGHT, type StoredProxy } from '@undermoon/broker-api';
import type { NodeAddress } from '@undermoon/cluster-meta';
import { done, refused, type StoreCommand, type StoreEvent, type StoreStep } from './command.ts';
import { bumpGlobal } from './epoch.ts';
import { dropReports, markFailed } from './failure-log.ts';
import { withKey, type StoreState } from './model.ts';

type AddProxy = Extract<StoreCommand, { kind: 'add-proxy' }>;

/**
 * Registers a proxy. A known one keeps its record except for zone, weight and its address as a replica, and is refused
 * with ALREADY_EXISTED, but in both cases its failure marks are cleared: registering again is how a failed proxy comes
 * back.
 */
export function addProxy(state: StoreState, command: AddProxy): StoreStep {
  const { address } = command;
  if (state.enableOrderedProxy && command.index === null) {
    const message = 'index: required in ordered mode';
    return refused(state, 'MISSING_SERVER_PROXY_INDEX', message);
  }
  const clash = addressClash(state, command);
  if (clash !== null) return clash;
  const cleared = markFailed(dropReports(state, address), address, false);
  const known = state.proxies.get(address);
  if (known !== undefined) return registerAgain({ state, cleared, known }, command);
  const proxy = {
    proxyAddress: address,
    nodeAddresses: command.nodeAddresses,
    host: command.host,
    index: state.enableOrderedProxy ? (command.index ?? 0) : 0,
    cluster: null,
    zone: command.zone,
    weight: command.weight ?? DEFAULT_WEIGHT,
    replicaAddress: command.replicaAddress,
  };
  const added = { ...cleared, proxies: withKey(cleared.proxies, address, proxy) };
  return done(bumpGlobal(added), [{ kind: 'proxy-added', address }]);
}

/** Removes a free proxy and everything known about its failures. */
export function removeProxy(state: StoreState, address: NodeAddress): StoreStep {
  const proxy = state.proxies.get(address);
  if (proxy === undefined) {
    return refused(state, 'PROXY_NOT_FOUND', `proxy ${address} is not registered`);
  }
  if (proxy.cluster !== null) {
    return refused(state, 'IN_USE', `proxy ${address} belongs to cluster ${proxy.cluster}`);
  }
  const cleared = markFailed(dropReports(state, address), address, false);
  const removed = { ...cleared, proxies: withKey(cleared.proxies, address, null) };
  return done(bumpGlobal(removed), [{ kind: 'proxy-removed', address }]);
}

interface KnownProxy {
  readonly state: StoreState;
  /** The state without the proxy's failure marks. */
  readonly cleared: StoreState;
  readonly known: StoredProxy;
}

function registerAgain({ state, cleared, known }: KnownProxy, command: AddProxy): StoreStep {
  const { address, replicaAddress } = command;
  const events: StoreEvent[] = [];
  let next = cleared;
  if (cleared !== state) {
    next = bumpGlobal(next);
    events.push({ kind: 'proxy-recovered', address });
  }
  const zone = command.zone ?? known.zone;
  const weight = command.weight ?? known.weight;
  const isMoved = replicaAddress !== known.replicaAddress;
  const isLabelled = zone !== known.zone || weight !== known.weight;
  if (isMoved || isLabelled) {
    const record = { ...known, zone, weight, replicaAddress };
    next = { ...next, proxies: withKey(next.proxies, address, record) };
  }
  if (isMoved) {
    next = bumpGlobal(next);
    events.push({ kind: 'replica-address-changed', address });
  }
  if (isLabelled) events.push({ kind: 'proxy-labelled', address });
  return refused(next, 'ALREADY_EXISTED', `proxy ${address} is registered already`, events);
}

/** Refuses an address as a replica that is another's too: clients would take one for the other. */
function addressClash(state: StoreState, command: AddProxy): StoreStep | null {
  const { address, nodeAddresses, replicaAddress } = command;
  if (replicaAddress === null && state.proxies.has(address)) return null;
  const own = [address, ...nodeAddresses];
  const clash = (wanted: NodeAddress, of: NodeAddress): StoreStep => {
    const isReplica = wanted === replicaAddress;
    const field = isReplica ? 'replica_address' : wanted === address ? 'proxy_address' : 'nodes';
    const message = `${field}: ${wanted} is an address of the proxy ${of} already`;
    const outcome = { ok: false, code: 'INVALID_PROXY_ADDRESS', message, field } as const;
    return { state, events: [], outcome };
  };
  if (replicaAddress !== null && own.includes(replicaAddress))
    return clash(replicaAddress, address);
  for (const proxy of state.proxies.values()) {
    if (proxy.proxyAddress === address) continue;
    const theirs = proxy.replicaAddress;
    if (theirs !== null && own.includes(theirs)) return clash(theirs, proxy.proxyAddress);
    if (replicaAddress === null) continue;
    const isTaken =
      replicaAddress === proxy.proxyAddress ||
      replicaAddress === theirs ||
      proxy.nodeAddresses.includes(replicaAddress);
    if (isTaken) return clash(replicaAddress, proxy.proxyAddress);
  }
  return null;
}
