/** Cores that others may use during a sample. Above it, the sample says little about what was measured. */
export const OTHER_CORES_MAX = 0.15;

/** The share of requests that a load generator with a fixed rate may send late. */
const LATE_SHARE_MAX = 0.005;

/** CPU time that passed during a sample, in µs. */
export interface CpuUse {
  readonly wallUs: number;
  /** Of the whole machine. */
  readonly busyUs: number;
  readonly stealUs: number;
  /** Of the processes that belong to the measurement. */
  readonly oursUs: number;
  /** Of the requests at a fixed rate; 0 for other loads. */
  readonly lateShare: number;
}

/** What others took of the machine during a sample, in cores, and what the load generator suffered. */
export interface Disturbance {
  readonly otherCores: number;
  readonly stealCores: number;
  readonly lateShare: number;
}

/** What was not ours. The machine's count is in ticks, so that of a quiet machine is a little off zero. */
export function disturbanceOf(use: CpuUse): Disturbance {
  const { wallUs, busyUs, stealUs, oursUs, lateShare } = use;
  return {
    otherCores: Math.max(0, busyUs - oursUs) / wallUs,
    stealCores: stealUs / wallUs,
    lateShare,
  };
}

/** Whether other processes and the hypervisor took too much, or kept the load generator from its rate. */
export function isDisturbed(disturbance: Disturbance): boolean {
  const { otherCores, stealCores } = disturbance;
  return otherCores + stealCores > OTHER_CORES_MAX || isLate(disturbance);
}

/** Whether the load generator did not keep its rate: others were in its way, or the core is too slow for it. */
export function isLate({ lateShare }: Disturbance): boolean {
  return lateShare > LATE_SHARE_MAX;
}
