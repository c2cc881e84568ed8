import { encodeMigrationTask, type MigrationTask } from '@undermoon/cluster-meta';
import { askProxy } from './ask-proxy.ts';

/**
 * What the source of a migration says when it is to give it up. `cancelled`: it has not handed the slots over, and
 * has promised not to. `committed`: it has. `unknown`: neither of these was heard.
 */
export type CancelAnswer = 'cancelled' | 'committed' | 'unknown';

/** Asks the source proxy of a migration: `UMCTL CANCELMGR`. */
export async function askToCancel(task: MigrationTask): Promise<CancelAnswer> {
  const { tag } = task.slots;
  if (tag.kind === 'none') return 'unknown';
  const words = encodeMigrationTask(task).split(' ');
  const line = await askProxy(tag.meta.srcProxyAddress, ['UMCTL', 'CANCELMGR', ...words]);
  if (line === '+CANCELLED') return 'cancelled';
  return line === '+COMMITTED' ? 'committed' : 'unknown';
}
