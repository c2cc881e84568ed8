/** What the latency monitor watches, in the order in which it is shown. */
export const LATENCY_EVENTS = ['command', 'event-loop', 'backend-connect', 'table-swap'] as const;

/** One of them. */
export type LatencyEventName = (typeof LATENCY_EVENTS)[number];

/** The longest of one second. */
export interface LatencySample {
  /** Unix time. */
  readonly atSeconds: number;
  readonly ms: number;
}

/** What was noted of one event. */
export interface LatencyEvent {
  readonly name: LatencyEventName;
  /** Of all that were noted, also before the oldest sample. */
  readonly worstMs: number;
  /** The oldest first, at most one for a second, and at least one. */
  readonly samples: readonly LatencySample[];
}

/** As in Redis. */
const SAMPLES_MAX = 160;

/** `events` with one more sample. Of one second, the longest stays. */
export function noteLatency(
  events: readonly LatencyEvent[],
  name: LatencyEventName,
  sample: LatencySample,
): readonly LatencyEvent[] {
  const last = events.find((event) => event.name === name)?.samples.at(-1);
  if (last?.atSeconds === sample.atSeconds && last.ms >= sample.ms) return events;
  return mergeLatency([...events, { name, worstMs: sample.ms, samples: [sample] }]);
}

/** Takes the events with these names out; null: all of them. */
export function forgetLatency(
  events: readonly LatencyEvent[],
  names: readonly string[] | null,
): { readonly kept: readonly LatencyEvent[]; readonly forgotten: readonly LatencyEvent[] } {
  const isForgotten = ({ name }: LatencyEvent): boolean => names === null || names.includes(name);
  return {
    kept: events.filter((event) => !isForgotten(event)),
    forgotten: events.filter(isForgotten),
  };
}

/** What several loops noted, each event once. */
export function mergeLatency(events: readonly LatencyEvent[]): readonly LatencyEvent[] {
  return LATENCY_EVENTS.flatMap((name) => {
    const same = events.filter((event) => event.name === name);
    if (same.length < 2) return same;
    return [
      {
        name,
        worstMs: Math.max(...same.map(({ worstMs }) => worstMs)),
        samples: longestOfSeconds(same.flatMap(({ samples }) => samples)),
      },
    ];
  });
}

function longestOfSeconds(samples: readonly LatencySample[]): readonly LatencySample[] {
  const longest = new Map<number, number>();
  for (const { atSeconds, ms } of samples) {
    longest.set(atSeconds, Math.max(ms, longest.get(atSeconds) ?? 0));
  }
  return [...longest]
    .map(([atSeconds, ms]) => ({ atSeconds, ms }))
    .toSorted((a, b) => a.atSeconds - b.atSeconds)
    .slice(-SAMPLES_MAX);
}
