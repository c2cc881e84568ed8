import type { LatencyEvent, LatencyEventName } from './latency-events.ts';

const ADVICE: Readonly<Record<LatencyEventName, string>> = {
  command:
    'SLOWLOG GET shows the commands; where the servers themselves took long, their own slow log and LATENCY DOCTOR tell more.',
  'event-loop':
    'A thread of the proxy was busy, or the host did not let it run: look at the load of its cores, and at commands with very many keys.',
  'backend-connect':
    'Servers were slow to accept connections or to greet: look at their load, and at the network between.',
  'table-swap':
    'New metadata took long to put into effect, while no command was served: this grows with the size of the cluster.',
};

/** LATENCY DOCTOR. A threshold of 0: the monitor is off. */
export function latencyReport(
  events: readonly LatencyEvent[],
  thresholdMs: number,
  nowSeconds: number,
): string {
  const state =
    thresholdMs === 0
      ? 'Latency monitoring is off in this proxy. "CONFIG SET latency-monitor-threshold <milliseconds>" turns it on.\n'
      : `Events of this proxy that take ${thresholdMs} ms or longer are noted.\n`;
  if (events.length === 0) return thresholdMs === 0 ? state : `${state}There was none so far.\n`;
  const lines = events.map((event, i) => `${i + 1}. ${summaryOf(event, nowSeconds)}\n`);
  const advice = events.map(({ name }) => `- ${name}: ${ADVICE[name]}\n`);
  return `${state}\n${lines.join('')}\n${advice.join('')}`;
}

/** In the form of Redis. */
function summaryOf({ name, samples, worstMs }: LatencyEvent, nowSeconds: number): string {
  const count = samples.length;
  const meanOf = (values: readonly number[]): number =>
    Math.floor(values.reduce((sum, value) => sum + value, 0) / count);
  const average = meanOf(samples.map(({ ms }) => ms));
  const deviation = meanOf(samples.map(({ ms }) => Math.abs(average - ms)));
  const sinceFirst = Math.max(0, nowSeconds - (samples[0]?.atSeconds ?? nowSeconds));
  const period = (sinceFirst / count).toFixed(2);
  const spread = `average ${average}ms, mean deviation ${deviation}ms, period ${period} sec`;
  return `${name}: ${count} latency spikes (${spread}). Worst all time event ${worstMs}ms.`;
}
