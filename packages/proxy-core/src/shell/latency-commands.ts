import type { LatencyEvent } from '../core/latency-events.ts';
import { latencyGraph } from '../core/latency-graph.ts';
import { latencyReport } from '../core/latency-report.ts';
import { byteErrorReply, quotedBytes } from '../core/replies.ts';
import { askLoops } from './ask-loops.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

/** LATENCY LATEST, HISTORY, GRAPH, DOCTOR and RESET: of all loops. */
export function latencyCommand(client: Client, args: readonly Buffer[]): void {
  const [, subcommand, name] = args;
  switch (String(subcommand).toLowerCase()) {
    case 'latest':
      askLoops(client, { kind: 'latency' }, ({ latency }) => latest(client, latency));
      break;
    case 'history':
      askLoops(client, { kind: 'latency' }, ({ latency }) =>
        history(client, eventOf(latency, name)),
      );
      break;
    case 'graph':
      askLoops(client, { kind: 'latency' }, ({ latency }) => graph(client, latency, name));
      break;
    case 'reset': {
      const names = args.length === 2 ? null : args.slice(2).map(String);
      askLoops(client, { kind: 'latency-reset', names }, ({ latency }) =>
        written(client, (writer) => writer.integer(latency.length)),
      );
      break;
    }
    default:
      askLoops(client, { kind: 'latency' }, ({ latency }) => {
        const { thresholdMs } = client.context.loop.latency;
        return text(client, latencyReport(latency, thresholdMs, nowSecondsOf(client)));
      });
  }
}

function latest(client: Client, events: readonly LatencyEvent[]): Buffer {
  return written(client, (writer) => {
    writer.array(events.length);
    for (const { name, worstMs, samples } of events) {
      const last = samples.at(-1) ?? { atSeconds: 0, ms: 0 };
      writer.array(4).bulk(name).integer(last.atSeconds).integer(last.ms).integer(worstMs);
    }
  });
}

function history(client: Client, event: LatencyEvent | undefined): Buffer {
  const samples = event?.samples ?? [];
  return written(client, (writer) => {
    writer.array(samples.length);
    for (const { atSeconds, ms } of samples) writer.array(2).integer(atSeconds).integer(ms);
  });
}

function graph(client: Client, events: readonly LatencyEvent[], name: Buffer | undefined): Buffer {
  const event = eventOf(events, name);
  if (event === undefined) {
    return byteErrorReply(`ERR No samples available for event '${quotedBytes(name)}'`);
  }
  return text(client, latencyGraph(event, nowSecondsOf(client)));
}

function text(client: Client, value: string): Buffer {
  return written(client, (writer) => writer.verbatim('txt', value));
}

function eventOf(
  events: readonly LatencyEvent[],
  name: Buffer | undefined,
): LatencyEvent | undefined {
  const wanted = String(name);
  return events.find((event) => event.name === wanted);
}

function nowSecondsOf({ context }: Client): number {
  return Math.floor(context.clock.now() / 1000);
}
