import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { parseCpuList } from './proc-text.ts';
import type { Placement } from './workloads.ts';

/** What the figures of a run depend on besides the code. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly kernel: string;
}

/** Lists of cores, as `taskset -c` takes them. */
export interface Cores {
  readonly proxy: string;
  readonly rest: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: allowedCores().length,
    memoryBytes: totalmem(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux',
    kernel: release(),
  };
}

/** Where things run. On a machine with more cores, Redis and the load still share one, as the goals say. */
export function coresOf(placement: Placement): Cores {
  const allowed = allowedCores();
  if (placement === 'free') return { proxy: allowed.join(','), rest: allowed.join(',') };
  const [proxy, rest] = allowed;
  if (proxy === undefined || rest === undefined) {
    throw new Error('a pinned run needs two cores, and this process may use only one');
  }
  return { proxy: `${proxy}`, rest: `${rest}` };
}

function allowedCores(): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return parseCpuList(list ?? '0');
}
