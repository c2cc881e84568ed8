import type { IncomingMessage } from 'node:http';
import { API_PREFIX, BROKER_ROUTES } from '@undermoon/broker-api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendRefusal } from './http-errors.ts';

// The original looks only at the beginning of these. Where something is changed, a path has to be exact.
const MATCHED_BY_PREFIX = [
  BROKER_ROUTES.version.path,
  BROKER_ROUTES.metadata.path,
  BROKER_ROUTES.failures.path,
  BROKER_ROUTES.config.path,
  BROKER_ROUTES.epoch.path,
];

/** The URL that a request is routed by: without further segments where the original ignores them. */
export function routedUrl({ method, url = '' }: IncomingMessage): string {
  if (method !== 'GET') return url;
  const path = pathOf(url);
  const matched = MATCHED_BY_PREFIX.find((prefix) => path.startsWith(`${prefix}/`));
  return matched === undefined ? url : `${matched}${url.slice(path.length)}`;
}

/** The path of a URL, without its query. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

/**
 * Answers a path that is not there, or not under this method: 405 within the API, as the original does, and
 * 404 elsewhere. Callers take a 404 within the API for the absence of what they named.
 */
export function answerUnknownRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = pathOf(request.url).replace(/(.)\/$/, '$1');
  const methods = Object.values(BROKER_ROUTES)
    .filter((route) => patternOf(route.path).test(path))
    .map((route) => route.method);
  const isWithinApi = path === API_PREFIX || path.startsWith(`${API_PREFIX}/`);
  if (methods.length === 0 && !isWithinApi) {
    const message = 'there is no such path';
    return sendRefusal(reply, { ok: false, code: 'ROUTE_NOT_FOUND', message });
  }
  const allowed = [...new Set(methods)].join(', ');
  reply.header('allow', allowed);
  const message = allowed === '' ? 'there is no such path' : `this path takes ${allowed}`;
  return sendRefusal(reply, { ok: false, code: 'METHOD_NOT_ALLOWED', message });
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/:[A-Za-z]+/g, '[^/]+')}$`);
}
