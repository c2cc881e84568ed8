import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { sumOfKeyspaces } from '../core/keyspace.ts';
import { memoryOfServers } from '../core/server-memory.ts';
import { FanOutCall } from './fan-out-call.ts';
import type { Client, Span } from './proxy-context.ts';

/** Sections that the servers are asked for. On the cluster port they are asked for these alone. */
const OF_SERVERS: readonly { readonly name: string; readonly command: Buffer }[] = [
  { name: 'KEYSPACE', command: encodeCommand(['INFO', 'keyspace']) },
  { name: 'MEMORY', command: encodeCommand(['INFO', 'memory']) },
];
/** Whatever stands for all sections. */
const WHOLE: readonly string[] = ['DEFAULT', 'ALL', 'EVERYTHING'];

/** INFO: the proxy's own, with the keys and the limits of all servers where they are asked for. */
export function takeInfo(client: Client, scanner: RequestScanner, span: Span): void {
  const { desk, servers } = client.context;
  const commands = questionsOf(client, scanner, span.bytes);
  if (servers.length === 0 || commands.length === 0) {
    desk.take(client, scanner, span);
    return;
  }
  const frame = Buffer.from(span.bytes.subarray(span.start, span.end));
  const parts = servers.flatMap((_, target) =>
    commands.map((command) => ({ target, command, keys: [] })),
  );
  new FanOutCall(client, parts, {
    atOnce: () => desk.take(client, scanner, span),
    later: (replies) => {
      const told = [...sumOfKeyspaces(replies), ...memoryOfServers(replies)];
      desk.answerDeferred(client, frame, told);
    },
  }).start();
}

/** On the cluster port a plain INFO waits for no server: it tells clients whether the proxy is alive. */
function questionsOf(
  { context }: Client,
  scanner: RequestScanner,
  bytes: Buffer,
): readonly Buffer[] {
  const isAsked = (names: readonly string[]): boolean => {
    for (let i = 1; i < scanner.argc; i++) {
      if (names.some((name) => argumentIs(name, bytes, scanner, i))) return true;
    }
    return false;
  };
  const isWhole = context.isPlain && (scanner.argc === 1 || isAsked(WHOLE));
  return OF_SERVERS.filter(({ name }) => isWhole || isAsked([name])).map(({ command }) => command);
}
