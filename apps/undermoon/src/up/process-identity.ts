import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

import { errorCodeOf } from '../errors.ts';

/**
 * When a process was started, as text that no later process with the same id has. Null when there is no such
 * process, or only what its parent has not yet collected of it.
 */
export function startOf(pid: number): string | null {
  return process.platform === 'linux' ? startInProc(pid) : startByPs(pid);
}

function startInProc(pid: number): string | null {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = 'X'] = fields;
  const startTicks = fields[19];
  if (startTicks === undefined || state === 'X') return null;
  // The first thread of a killed process may be gone while others still hold its ports.
  if (state === 'Z' && threadCountOf(pid) <= 1) return null;
  // Ticks count from the boot, and the ids begin anew with each boot.
  return `${readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}:${startTicks}`;
}

function threadCountOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch (error) {
    if (errorCodeOf(error) === '') throw error;
    return 0;
  }
}

function readProc(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return null;
    throw error;
  }
}

function startByPs(pid: number): string | null {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    env,
    encoding: 'utf8',
  });
  const found = /^(?<state>\S+)\s+(?<start>\S.*)$/.exec(stdout?.trim() ?? '')?.groups;
  if (found === undefined || found['state']?.startsWith('Z') === true) return null;
  return found['start'] ?? null;
}
