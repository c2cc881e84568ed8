import { hostOf, portOf } from '@undermoon/cluster-meta';
import { proxyRoleOf } from '../core/proxy-role.ts';
import type { ControlCall, ControlState } from './control-state.ts';

/** ROLE. */
export function executeRole(state: ControlState, { writer, session }: ControlCall): void {
  const role = proxyRoleOf(state.replication.statuses(), session);
  if (role.kind === 'replica') {
    const { followed, isLinkUp, offset } = role;
    writer.array(5).bulk('slave').bulk(hostOf(followed)).integer(portOf(followed));
    writer.bulk(isLinkUp ? 'connected' : 'connect').integer(offset);
    return;
  }
  const { replicas, offset } = role;
  writer.array(3).bulk('master').integer(offset).array(replicas.length);
  for (const proxy of replicas) {
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
