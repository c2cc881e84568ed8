/** Ticks of /proc/stat are hundredths of a second on every Linux that Node.js runs on. */
const TICK_US = 10_000;

/** Time of all cores since boot, in µs. */
export interface SystemCpu {
  /** Running anything: user, nice, system, irq, softirq. */
  readonly busyUs: number;
  /** Taken by the hypervisor. */
  readonly stealUs: number;
}

/** Reads the first line of /proc/stat. */
export function parseSystemCpu(statText: string): SystemCpu {
  const line = /^cpu +(.+)$/m.exec(statText)?.[1];
  if (line === undefined) throw new Error('/proc/stat has no line "cpu"');
  const ticks = line.split(' ').map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = ticks;
  return { busyUs: (user + nice + system + irq + softIrq) * TICK_US, stealUs: steal * TICK_US };
}

/** CPU time from /proc/<pid>/stat, in µs: of the process, and of its children that have ended. */
export function parseProcessCpu(statText: string): { ownUs: number; endedChildrenUs: number } {
  // The name in brackets may hold spaces and brackets; the numbered fields begin after the last one.
  const fields = statText.slice(statText.lastIndexOf(')') + 2).split(' ');
  const at = (field: number): number => Number(fields[field - 3]) * TICK_US;
  return { ownUs: at(14) + at(15), endedChildrenUs: at(16) + at(17) };
}

/** CPU time of one thread from /proc/<pid>/task/<tid>/schedstat, in µs: exact, where `stat` counts ticks. */
export function parseSchedstat(text: string): number {
  return Number(text.split(' ')[0]) / 1000;
}

/** A field in kB of /proc/<pid>/status or smaps_rollup, in bytes; null when it is not there. */
export function parseKilobytes(text: string, field: string): number | null {
  const digits = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(text)?.[1];
  return digits === undefined ? null : Number(digits) * 1024;
}

/** Reads a list as the kernel writes it: "0-2,5". */
export function parseCpuList(text: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
