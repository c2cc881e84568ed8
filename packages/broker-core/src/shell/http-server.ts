import { BROKER_ROUTES } from '@undermoon/broker-api';
import type { Logger } from '@undermoon/runtime';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { CustomRoute } from '../custom-route.ts';
import { BrokerError } from '../errors.ts';
import { addApiPage, type ApiDocument } from './api-page.ts';
import { answerUnknownRoute, pathOf, routedUrl } from './api-paths.ts';
import { answerClientError, refusalOf, sendRefusal } from './http-errors.ts';
import { ROUTES } from './http-routes.ts';
import { originOf, requestIdOf } from './request-origin.ts';
import type { RouteContext, RouteRow } from './route-row.ts';
import { sendReply } from './send-reply.ts';
import type { WatchHub } from './watch-hub.ts';
import { addWatchRoute } from './watch-route.ts';

const URL_PARAMETER_LENGTH_MAX = 512;

/** What is served besides the routes of the table. */
export interface ServedBesides {
  readonly hub: WatchHub;
  readonly api: ApiDocument;
}

/** Builds the HTTP server of a broker. It does not listen yet. */
export function createHttpServer(
  context: RouteContext,
  { hub, api }: ServedBesides,
): FastifyInstance {
  const { options } = context;
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    requestTimeout: options.requestTimeoutMs,
    connectionTimeout: options.requestTimeoutMs,
    http: {
      maxHeaderSize: options.headerBytesMax,
      headersTimeout: options.requestTimeoutMs,
      // How often the server looks for requests that arrive too slowly.
      connectionsCheckingInterval: Math.min(Math.ceil(options.requestTimeoutMs / 4), 5000),
    },
    rewriteUrl: routedUrl,
    genReqId: requestIdOf,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: URL_PARAMETER_LENGTH_MAX },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => {
      sendRefusal(reply, refusalOf(error));
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  });
  app.server.maxConnections = options.connectionsMax;
  observeRequests(app, context);
  // Bodies stay bytes here; the routes that take one check its type and decode it.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, next) => next(null, body));
  for (const row of ROUTES) addRoute(app, context, row);
  for (const route of options.routes) addCustomRoute(app, context, route);
  addWatchRoute(app, {
    hub,
    clock: options.clock,
    heartbeatMs: options.watchHeartbeatMs,
    waitMsMax: options.watchWaitMsMax,
    bufferBytesMax: options.watchBufferBytesMax,
  });
  addApiPage(app, api);
  app.setNotFoundHandler(answerUnknownRoute);
  app.setErrorHandler((error, request, reply) =>
    answerFailure(error, request, reply, options.logger),
  );
  return app;
}

// Every answer names its request, and every request shows in the metrics and, if it changes something, in
// the log.
function observeRequests(app: FastifyInstance, { metrics, options }: RouteContext): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { id: requestId, method, ip: remoteAddress } = request;
    const { statusCode: code, elapsedTime: tookMs } = reply;
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest({ method, route, code }, tookMs / 1000);
    const level = method === 'GET' || method === 'HEAD' ? 'debug' : 'info';
    options.logger[level](
      { requestId, method, path: pathOf(request.url), code, tookMs, remoteAddress },
      'request answered',
    );
    done();
  });
}

function addRoute(app: FastifyInstance, context: RouteContext, row: RouteRow): void {
  const { method, path } = BROKER_ROUTES[row.route];
  app.route<{ Params: Readonly<Record<string, string>> }>({
    method,
    url: path,
    bodyLimit: row.body === 'dump' ? context.options.dumpBytesMax : context.options.bodyBytesMax,
    handler: async (request, reply) => {
      const perRequest = { ...context, origin: originOf(request) };
      const answer = await row.handle(perRequest, {
        params: request.params,
        query: request.query,
        body: row.body === 'none' ? undefined : decodeBody(request),
      });
      return sendReply(request, reply, answer);
    },
  });
}

function addCustomRoute(app: FastifyInstance, context: RouteContext, route: CustomRoute): void {
  const { runner } = context;
  app.route<{ Params: Readonly<Record<string, string>> }>({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      const origin = originOf(request);
      const { params, query, headers, id: requestId } = request;
      const body = route.hasBody === true ? decodeBody(request) : undefined;
      const answer = await route.handle(
        { params, query, headers, body, requestId },
        {
          state: () => runner.state,
          run: async (command) => (await runner.run(command, origin)).outcome,
        },
      );
      const { status = 200, headers: more = {}, json, text } = answer;
      reply.code(status).headers(more);
      if (text !== undefined) return reply.type('text/plain; charset=utf-8').send(text);
      if (json === undefined) return reply.send();
      return reply.type('application/json').send(Buffer.from(JSON.stringify(json)));
    },
  });
}

// A content type is optional, as for the original; another one than JSON is refused.
function decodeBody(request: FastifyRequest): unknown {
  const type = request.headers['content-type'];
  if (type !== undefined && !/^\s*application\/json\s*(;|$)/i.test(type)) {
    throw new BrokerError('UNSUPPORTED_MEDIA_TYPE', 'content-type: expected application/json');
  }
  const bytes = request.body;
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) {
    throw new BrokerError('INVALID_BODY', 'body: expected JSON, got nothing', { field: '' });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    const isMalformed = cause instanceof SyntaxError || cause instanceof TypeError;
    if (!isMalformed) throw cause;
    throw new BrokerError('INVALID_BODY', 'body: not JSON in UTF-8', { cause, field: '' });
  }
}

function answerFailure(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): FastifyReply {
  const refusal = refusalOf(error);
  if (refusal.code === 'INTERNAL') {
    const { id: requestId, method, url } = request;
    logger.error({ requestId, method, url, error }, 'request failed');
  }
  return sendRefusal(reply, refusal);
}
