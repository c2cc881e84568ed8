import { readdirSync, readFileSync } from 'node:fs';
import {
  parseKilobytes,
  parseProcessCpu,
  parseSchedstat,
  parseSystemCpu,
  type SystemCpu,
} from './proc-text.ts';

/** CPU time of all cores. */
export function systemCpu(): SystemCpu {
  return parseSystemCpu(readFileSync('/proc/stat', 'utf8'));
}

/** CPU time of a process, all threads, in µs. */
export function processCpuUs(pid: number): number {
  return threadsCpuUs(pid) ?? parseProcessCpu(readFileSync(`/proc/${pid}/stat`, 'utf8')).ownUs;
}

/** CPU time of this process and of its children that have ended, in µs. */
export function ownCpuUs(): number {
  const { ownUs, endedChildrenUs } = parseProcessCpu(readFileSync('/proc/self/stat', 'utf8'));
  return ownUs + endedChildrenUs;
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  // The count in `status` lags behind by some pages of each core.
  const exact = parseKilobytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Rss');
  const bytes = exact ?? parseKilobytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
  if (bytes === null) throw new Error(`no resident memory of process ${pid}`);
  return bytes;
}

/** Null where the kernel keeps no such file. Threads must not end meanwhile: their time would go with them. */
function threadsCpuUs(pid: number): number | null {
  let sumUs = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sumUs += parseSchedstat(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'));
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  return sumUs;
}
