import { type ConfigSource, integerParameter } from '../core/config-table.ts';
import type { SlowLogSettings } from '../core/slow-log.ts';

/** The parameters of the slow log, under Redis' names and those of undermoon 0.6. `apply` puts a change into effect. */
export function slowLogParameters(
  initial: SlowLogSettings,
  apply: (settings: SlowLogSettings) => void,
): ConfigSource {
  let settings = initial;
  const parameter = (
    name: string,
    key: keyof SlowLogSettings,
    min: number,
  ): ConfigSource[number] => {
    return integerParameter({
      name,
      ...(name === 'slowlog-max-len' ? { meaning: 'The setting `slowlog_len`.' } : {}),
      min,
      max: Number.MAX_SAFE_INTEGER,
      read: () => settings[key],
      write: (value) => {
        settings = { ...settings, [key]: value };
        apply(settings);
      },
    });
  };
  return [
    parameter('slowlog-log-slower-than', 'slowerThanUs', Number.MIN_SAFE_INTEGER),
    parameter('slowlog-max-len', 'entriesMax', 0),
    parameter('slowlog_len', 'entriesMax', 0),
    parameter('slowlog_sample_rate', 'sampleRate', 0),
  ];
}
