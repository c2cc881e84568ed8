import type { Epoch, MigrationTask } from '@undermoon/cluster-meta';
import { parseEpoch, parseMigrationTask } from '@undermoon/cluster-meta';
import type { Outcome } from '@undermoon/runtime';
import { accept, refuse } from '@undermoon/runtime';
import type { PushReply } from './event.ts';

/** Why a proxy did not take metadata. */
export type PushRefusalCode = 'PROXY_NOT_MY_META' | 'PROXY_TRY_AGAIN' | 'PROXY_REFUSED';

const INFOMGR_TASKS_MAX = 16_384;

/** A reply to SETREPL or SETCLUSTER that is no error: a text other than `OK` is taken, with a warning. */
export function pushReplyOf(value: unknown): PushReply {
  return typeof value === 'string' && value !== 'OK'
    ? { kind: 'warning', text: value }
    : { kind: 'ok' };
}

/** An error reply to SETREPL or SETCLUSTER. `OLD_EPOCH` is as good as success. */
export function pushRefusalOf(text: string): Outcome<PushReply, PushRefusalCode> {
  const word = text.split(' ', 1)[0];
  if (word === 'OLD_EPOCH') return accept({ kind: 'old' });
  if (word === 'ERR_NOT_MY_META') return refuse('PROXY_NOT_MY_META', text);
  return refuse(word === 'TRY_AGAIN' ? 'PROXY_TRY_AGAIN' : 'PROXY_REFUSED', text);
}

/** The reply to GETEPOCH; null when it is not an epoch. */
export function epochReplyOf(value: unknown): Epoch | null {
  return parseEpoch(value);
}

/** The reply to INFOMGR. One element that is not a task voids the whole reply. */
export function finishedTasksOf(
  value: unknown,
): Outcome<readonly MigrationTask[], 'PROXY_BAD_REPLY'> {
  if (!Array.isArray(value)) return refuse('PROXY_BAD_REPLY', 'INFOMGR: expected an array');
  if (value.length > INFOMGR_TASKS_MAX) {
    return refuse('PROXY_BAD_REPLY', `INFOMGR: more than ${INFOMGR_TASKS_MAX} tasks`);
  }
  const tasks: MigrationTask[] = [];
  for (const element of value as unknown[]) {
    const task = typeof element === 'string' ? parseMigrationTask(element) : null;
    if (task === null || !task.ok) {
      return refuse('PROXY_BAD_REPLY', `INFOMGR: ${task?.message ?? 'expected bulk strings'}`);
    }
    tasks.push(task.value);
  }
  return accept(tasks);
}
