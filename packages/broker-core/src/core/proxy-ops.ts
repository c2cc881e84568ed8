import { DEFAULT_WEIGHT } from '@undermoon/broker-api';
import type { NodeAddress } from '@undermoon/cluster-meta';
import { done, refused, type StoreCommand, type StoreEvent, type StoreStep } from './command.ts';
import { bumpGlobal } from './epoch.ts';
import { dropReports, markFailed } from './failure-log.ts';
import { withKey, type StoreState } from './model.ts';

/**
 * Registers a proxy. A known one keeps its record except for zone and weight, and is refused with ALREADY_EXISTED,
 * but in both cases its failure marks are cleared: registering again is how a failed proxy comes back.
 */
export function addProxy(
  state: StoreState,
  command: Extract<StoreCommand, { kind: 'add-proxy' }>,
): StoreStep {
  const { address } = command;
  if (state.enableOrderedProxy && command.index === null) {
    const message = 'index: required in ordered mode';
    return refused(state, 'MISSING_SERVER_PROXY_INDEX', message);
  }
  const cleared = markFailed(dropReports(state, address), address, false);
  const known = state.proxies.get(address);
  if (known !== undefined) {
    const message = `proxy ${address} is registered already`;
    const events: StoreEvent[] = [];
    let next = cleared;
    if (cleared !== state) {
      next = bumpGlobal(cleared);
      events.push({ kind: 'proxy-recovered', address });
    }
    const zone = command.zone ?? known.zone;
    const weight = command.weight ?? known.weight;
    if (zone !== known.zone || weight !== known.weight) {
      next = { ...next, proxies: withKey(next.proxies, address, { ...known, zone, weight }) };
      events.push({ kind: 'proxy-labelled', address });
    }
    return refused(next, 'ALREADY_EXISTED', message, events);
  }
  const proxy = {
    proxyAddress: address,
    nodeAddresses: command.nodeAddresses,
    host: command.host,
    index: state.enableOrderedProxy ? (command.index ?? 0) : 0,
    cluster: null,
    zone: command.zone,
    weight: command.weight ?? DEFAULT_WEIGHT,
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
