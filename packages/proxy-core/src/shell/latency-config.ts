import { type ConfigParameter, integerParameter } from '../core/config-table.ts';

/** The threshold of the latency monitor, under Redis' name. `apply` puts a change into effect. */
export function latencyParameter(
  initialMs: number,
  apply: (thresholdMs: number) => void,
): ConfigParameter {
  let thresholdMs = initialMs;
  return integerParameter({
    name: 'latency-monitor-threshold',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    read: () => thresholdMs,
    write: (value) => {
      thresholdMs = value;
      apply(value);
    },
  });
}
