import type { NodeAddress } from '@undermoon/cluster-meta';
import { done, refused, type StoreCommand, type StoreEvent, type StoreStep } from './command.ts';
import { bumpGlobal } from './epoch.ts';
import { dropReports, markFailed } from './failure-log.ts';
import { withKey, type StoreState } from './model.ts';

/**
 * Registers a proxy. A known one keeps its record as it is and is refused with ALREADY_EXISTED, but in both
 * cases its failure marks are cleared: registering again is how a failed proxy comes back.
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
  if (state.proxies.has(address)) {
    const message = `proxy ${address} is registered already`;
    if (cleared === state) return refused(state, 'ALREADY_EXISTED', message);
    const events: StoreEvent[] = [{ kind: 'proxy-recovered', address }];
    return refused(bumpGlobal(cleared), 'ALREADY_EXISTED', message, events);
  }
  const proxy = {
    proxyAddress: address,
    nodeAddresses: command.nodeAddresses,
    host: command.host,
    index: state.enableOrderedProxy ? (command.index ?? 0) : 0,
    cluster: null,
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
