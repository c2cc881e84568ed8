import { hostOf, portOf } from '@undermoon/cluster-meta';
import { localNodeFacts } from './admin-info.ts';
import type { ControlCall, ControlState } from './control-state.ts';

/**
 * ROLE, by the metadata: a proxy with a master beside it is a master, and the proxies with the copies are its
 * replicas; one with copies only is a replica of the proxy with the first one's master.
 */
export function executeRole(state: ControlState, { writer }: ControlCall): void {
  const statuses = state.replication.statuses();
  const masters = statuses.filter(({ wanted }) => wanted.role === 'master');
  const [copy] = masters.length === 0 ? statuses : [];
  const followed = copy?.wanted.peers[0]?.proxyAddress;
  if (copy !== undefined && followed !== undefined) {
    const { link, offset } = localNodeFacts(copy);
    const isUp = link === 'connected';
    writer.array(5).bulk('slave').bulk(hostOf(followed)).integer(portOf(followed));
    writer.bulk(isUp ? 'connected' : 'connect').integer(offset);
    return;
  }
  const offsets = masters.map((status) => localNodeFacts(status).offset);
  const proxies = new Set(
    masters.flatMap(({ wanted }) => wanted.peers.map(({ proxyAddress }) => proxyAddress)),
  );
  const offset = Math.max(0, ...offsets);
  writer.array(3).bulk('master').integer(offset).array(proxies.size);
  for (const proxy of proxies) {
    writer
      .array(3)
      .bulk(hostOf(proxy))
      .bulk(`${portOf(proxy)}`)
      .bulk(`${offset}`);
  }
}

/** LASTSAVE: nothing is ever saved here, so it is the time of the start, as in Redis. */
export function executeLastSave(state: ControlState, { writer }: ControlCall): void {
  const { clock, stats } = state.options;
  writer.integer(Math.floor(clock.now() / 1000) - stats().uptimeSeconds);
}
