import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { BROKER_STATUS, isBrokerErrorCode, type BrokerErrorCode } from '@undermoon/broker-api';
import type { FastifyReply } from 'fastify';
import type { StoreRefusal } from '../core/command.ts';
import { BrokerError, systemCodeOf } from '../errors.ts';

/** Sends a refusal: the status that belongs to its code, and a body that says what is at fault. */
export function sendRefusal(reply: FastifyReply, refusal: StoreRefusal): FastifyReply {
  const { code, message, field, key, value } = refusal;
  const body = { error: code, ...(key === undefined ? {} : { key, value }), message, field };
  return reply
    .code(BROKER_STATUS[code])
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(body)));
}

/** The refusal that stands for a failure. Failures that are not the caller's business are INTERNAL. */
export function refusalOf(error: unknown): StoreRefusal {
  if (error instanceof BrokerError && isBrokerErrorCode(error.code)) {
    return refuseAs(error.code, error.message, error.field ?? undefined);
  }
  const code = CODE_OF_FASTIFY[systemCodeOf(error)];
  if (code !== undefined) return refuseAs(code, error instanceof Error ? error.message : code);
  return refuseAs('INTERNAL', 'the request failed; the log of the broker says why');
}

/** Answers bytes that are no HTTP request, and requests that do not arrive in time. */
export function answerClientError(error: { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { code, message } = clientFaultOf(error.code);
  const status = BROKER_STATUS[code];
  const body = JSON.stringify({ error: code, message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function clientFaultOf(code: string | undefined): {
  readonly code: BrokerErrorCode;
  readonly message: string;
} {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'REQUEST_TIMEOUT', message: 'the request did not arrive in time' };
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'HEADERS_TOO_LARGE', message: 'the headers of the request are too large' };
    default:
      return { code: 'INVALID_REQUEST', message: 'not an HTTP request' };
  }
}

const CODE_OF_FASTIFY: Readonly<Record<string, BrokerErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'INVALID_REQUEST',
  FST_ERR_BAD_URL: 'INVALID_REQUEST',
  FST_ERR_MAX_PARAM_LENGTH: 'INVALID_REQUEST',
};

function refuseAs(code: BrokerErrorCode, message: string, field?: string): StoreRefusal {
  return { ok: false, code, message, ...(field === undefined ? {} : { field }) };
}
