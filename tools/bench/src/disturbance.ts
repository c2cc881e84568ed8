/** Cores that others may use during a sample. Above it, the sample says little about what was measured. */
export const OTHER_CORES_MAX = 0.15;

/** CPU time that passed during a sample, in µs. */
export interface CpuUse {
  readonly wallUs: number;
  /** Of the whole machine. */
  readonly busyUs: number;
  readonly stealUs: number;
  /** Of the processes that belong to the measurement. */
  readonly oursUs: number;
}

/** What others took of the machine during a sample, in cores. */
export interface Disturbance {
  readonly otherCores: number;
  readonly stealCores: number;
}

/** What was not ours. The machine's count is in ticks, so that of a quiet machine is a little off zero. */
export function disturbanceOf({ wallUs, busyUs, stealUs, oursUs }: CpuUse): Disturbance {
  return {
    otherCores: Math.max(0, busyUs - oursUs) / wallUs,
    stealCores: stealUs / wallUs,
  };
}

/** Whether other processes and the hypervisor together took too much. */
export function isDisturbed({ otherCores, stealCores }: Disturbance): boolean {
  return otherCores + stealCores > OTHER_CORES_MAX;
}
