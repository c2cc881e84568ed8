import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Origin } from './mutation.ts';

/** Stands in a request that another broker forwards, with the address it came from. It is not forwarded again. */
export const FORWARDED_HEADER = 'undermoon-forwarded';

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
    remoteAddress: addressOf(request),
    userAgent: userAgent === undefined ? null : userAgent.slice(0, USER_AGENT_LENGTH_MAX),
  };
}

function addressOf(request: FastifyRequest): string {
  const from = request.headers[FORWARDED_HEADER];
  const isAddress = typeof from === 'string' && /^[\w.:%]{2,64}$/.test(from);
  return isAddress ? `${from} through ${request.ip}` : request.ip;
}
