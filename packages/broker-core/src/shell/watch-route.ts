import type { ServerResponse } from 'node:http';
import {
  BROKER_ROUTES,
  parsePayload,
  watchChangesToJson,
  watchQuerySchema,
  type WatchChanges,
  type WatchCursor,
  type WatchQuery,
} from '@undermoon/broker-api';
import { parseEpoch } from '@undermoon/cluster-meta';
import type { Clock } from '@undermoon/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendRefusal } from './http-errors.ts';
import type { WatchHub } from './watch-hub.ts';

export interface WatchRouteOptions {
  readonly hub: WatchHub;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly waitMsMax: number;
  /** Bytes that a listener has not taken yet, above which it is dropped. */
  readonly bufferBytesMax: number;
}

const WAIT_MS = 25_000;

/** `GET /watch`: a stream of events for whoever accepts `text/event-stream`, one answer for all others. */
export function addWatchRoute(app: FastifyInstance, options: WatchRouteOptions): void {
  app.get(BROKER_ROUTES.watch.path, (request, reply) => {
    const query = parsePayload(watchQuerySchema, request.query);
    if (!query.ok) return sendRefusal(reply, { ...query, code: 'INVALID_QUERY' });
    // A watcher is silent for longer than other clients may be.
    request.raw.socket.setTimeout(0);
    return acceptsEvents(request)
      ? streamEvents(request, reply, options, query.value)
      : answerOnce(request, reply, options, query.value);
  });
  // Runs before the server waits for its requests to end.
  app.addHook('preClose', async () => options.hub.close());
}

async function answerOnce(
  request: FastifyRequest,
  reply: FastifyReply,
  { hub, waitMsMax }: WatchRouteOptions,
  { since, waitMs }: WatchQuery,
): Promise<FastifyReply> {
  const gone = new AbortController();
  request.raw.socket.once('close', onGone);
  const changes = await hub.next(since, Math.min(waitMs ?? WAIT_MS, waitMsMax), gone.signal);
  request.raw.socket.off('close', onGone);
  request.raw.socket.setTimeout(request.server.server.timeout);
  reply.header('cache-control', 'no-store').type('application/json');
  return reply.send(Buffer.from(JSON.stringify(watchChangesToJson(changes))));

  function onGone(): void {
    gone.abort();
  }
}

// Written past the framework and never compressed, so that nothing holds an event back.
function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  options: WatchRouteOptions,
  query: WatchQuery,
): FastifyReply {
  const response = reply.raw;
  const cursor = cursorOfLastEvent(request.headers['last-event-id']) ?? query.since;
  let cancelBeat = (): void => undefined;
  // The first events come before the head otherwise.
  const waiting: WatchChanges[] = [];
  let emit = (changes: WatchChanges): void => void waiting.push(changes);
  const leave = options.hub.subscribe(
    cursor,
    (changes) => emit(changes),
    () => response.end(),
  );
  reply.hijack();
  response.once('close', () => {
    leave();
    cancelBeat();
  });
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    connection: 'close',
  });
  emit = (changes) => write(response, eventOf(changes), options.bufferBytesMax);
  write(response, ': undermoon\n\n', options.bufferBytesMax);
  for (const changes of waiting) emit(changes);
  beat();
  return reply;

  function beat(): void {
    cancelBeat = options.clock.after(options.heartbeatMs, () => {
      write(response, ':\n\n', options.bufferBytesMax);
      beat();
    });
  }
}

// A listener that does not read would otherwise make the broker keep everything for it. It comes back with
// the id of the last event it got.
function write(response: ServerResponse, text: string, bufferBytesMax: number): void {
  if (response.destroyed || response.writableEnded) return;
  response.write(text);
  if (response.writableLength > bufferBytesMax) response.destroy();
}

function eventOf(changes: WatchChanges): string {
  const name = changes.isResync ? 'resync' : 'change';
  const id = `${changes.stream}:${changes.epoch}`;
  return `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(watchChangesToJson(changes))}\n\n`;
}

// Browsers send back the id of the last event they saw.
function cursorOfLastEvent(id: string | string[] | undefined): WatchCursor | null {
  const [, stream, epochText] = /^([\w-]{1,64}):(\d{1,16})$/.exec(String(id ?? '')) ?? [];
  const epoch = parseEpoch(epochText);
  return stream === undefined || epoch === null ? null : { stream, epoch };
}

function acceptsEvents(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').toLowerCase().includes('text/event-stream');
}
