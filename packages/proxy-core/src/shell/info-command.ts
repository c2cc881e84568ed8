import { encodeCommand, type RequestScanner } from '@undermoon/resp';
import { argumentIs } from '../core/command-argument.ts';
import { sumOfKeyspaces } from '../core/keyspace.ts';
import { FanOutCall } from './fan-out-call.ts';
import type { Client, Span } from './proxy-context.ts';

const INFO_KEYSPACE = encodeCommand(['INFO', 'keyspace']);

/** INFO: the proxy's own, with the keys of all servers where they are asked for. */
export function takeInfo(client: Client, scanner: RequestScanner, span: Span): void {
  const { desk, servers } = client.context;
  if (servers.length === 0 || !wantsKeyspace(client, scanner, span.bytes)) {
    desk.take(client, scanner, span);
    return;
  }
  const frame = Buffer.from(span.bytes.subarray(span.start, span.end));
  const parts = servers.map((_, target) => ({ target, command: INFO_KEYSPACE, keys: [] }));
  new FanOutCall(client, parts, {
    atOnce: () => desk.take(client, scanner, span),
    later: (replies) => desk.answerDeferred(client, frame, sumOfKeyspaces(replies)),
  }).start();
}

/** On the cluster port a plain INFO waits for no server: it tells clients whether the proxy is alive. */
function wantsKeyspace({ context }: Client, scanner: RequestScanner, bytes: Buffer): boolean {
  const { argc } = scanner;
  const names = context.isPlain ? WHOLE : KEYSPACE;
  if (argc === 1) return context.isPlain;
  for (let i = 1; i < argc; i++) {
    if (names.some((name) => argumentIs(name, bytes, scanner, i))) return true;
  }
  return false;
}

const KEYSPACE: readonly string[] = ['KEYSPACE'];
const WHOLE: readonly string[] = ['KEYSPACE', 'DEFAULT', 'ALL', 'EVERYTHING'];
