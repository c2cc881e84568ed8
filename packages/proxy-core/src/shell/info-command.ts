import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import type { Fields } from '../core/info.ts';
import { sumOfKeyspaces } from '../core/keyspace.ts';
import { memoryOfServers } from '../core/server-memory.ts';
import { FanOutCall } from './fan-out-call.ts';
import type { Client, Span } from './proxy-context.ts';

/** Sections that the servers are asked for. */
const OF_SERVERS: readonly { readonly name: string; readonly command: Buffer }[] = [
  { name: 'KEYSPACE', command: encodeCommand(['INFO', 'keyspace']) },
  { name: 'MEMORY', command: encodeCommand(['INFO', 'memory']) },
];
/** Whatever stands for all sections. */
const WHOLE: readonly string[] = ['ALL', 'EVERYTHING'];
/** The same as no section. */
const DEFAULT = 'DEFAULT';

/** Lines of INFO that sums over the loops would get wrong. */
const COUNTED_ONCE = [
  { name: 'pubsub_channels', of: 'channel' },
  { name: 'pubsub_patterns', of: 'pattern' },
  { name: 'pubsubshard_channels', of: 'shard' },
] as const;
const NAMES: readonly string[] = [
  'STATS',
  ...OF_SERVERS.map(({ name }) => name),
  ...WHOLE,
  DEFAULT,
];

/** INFO: the proxy's own, with the keys and the limits of all servers where they are asked for. */
export function takeInfo(client: Client, scanner: RequestScanner, span: Span): void {
  const { desk, servers, options } = client.context;
  const asked = sectionsOf(scanner, span.bytes);
  const commands = questionsOf(client, asked);
  const isCounting = options.threads > 1 && (isDefault(asked) || isAsked(asked, 'STATS'));
  if ((servers.length === 0 || commands.length === 0) && !isCounting) {
    desk.take(client, scanner, span);
    return;
  }
  const frame = Buffer.from(span.bytes.subarray(span.start, span.end));
  const parts = servers.flatMap((_, target) =>
    commands.map((command) => ({ target, command, keys: [] })),
  );
  const callOf = (counts: Fields): FanOutCall =>
    new FanOutCall(client, parts, {
      atOnce: () => desk.take(client, scanner, span),
      later: (replies) => {
        const told = [...sumOfKeyspaces(replies), ...memoryOfServers(replies), ...counts];
        desk.answerDeferred(client, frame, told);
      },
    });
  if (!isCounting) callOf([]).start();
  else {
    client.deferReply();
    countOnce(client, (counts) => {
      if (!client.isClosed) callOf(counts).start(true);
    });
  }
}

/** What the clients of all loops subscribed to, each channel once. */
function countOnce({ context }: Client, take: (counts: Fields) => void): void {
  const counts: (readonly [string, number])[] = [];
  for (const { name, of } of COUNTED_ONCE) {
    context.loops.ask({ kind: 'topics', of, pattern: null }, ({ topics }) => {
      counts.push([name, topics.length]);
      if (counts.length === COUNTED_ONCE.length) take(counts);
    });
  }
}

/** Those that are asked for, of the ones that matter here; empty: no section was named. */
function sectionsOf(scanner: RequestScanner, bytes: Buffer): ReadonlySet<string> {
  const asked = new Set<string>();
  for (let i = 1; i < scanner.argc; i++) {
    const name = NAMES.find((known) => argumentIs(known, bytes, scanner, i));
    asked.add(name ?? '');
  }
  return asked;
}

function isDefault(asked: ReadonlySet<string>): boolean {
  return asked.size === 0 || asked.has(DEFAULT);
}

function isAsked(asked: ReadonlySet<string>, name: string): boolean {
  return asked.has(name) || WHOLE.some((whole) => asked.has(whole));
}

/** On the cluster port an INFO without sections waits for no server: it tells clients whether the proxy is alive. */
function questionsOf({ context }: Client, asked: ReadonlySet<string>): readonly Buffer[] {
  const isPlainWhole = context.isPlain && isDefault(asked);
  return OF_SERVERS.filter(({ name }) => isPlainWhole || isAsked(asked, name)).map(
    ({ command }) => command,
  );
}
