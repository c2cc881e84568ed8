import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Origin } from './mutation.ts';

const USER_AGENT_LENGTH_MAX = 256;
const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;

/** The id that the client gave its request, if it may stand in a log, or a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Who sent a request. */
export function originOf(request: FastifyRequest): Origin {
  const userAgent = request.headers['user-agent'];
  return {
    requestId: request.id,
    remoteAddress: request.ip,
    userAgent: userAgent === undefined ? null : userAgent.slice(0, USER_AGENT_LENGTH_MAX),
  };
}
