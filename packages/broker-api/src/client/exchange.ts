import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Agent, errors, request } from 'undici';
import { isBrokerErrorCode, type BrokerErrorCode } from '../codes.ts';
import { errorBodySchema } from '../payloads/error-body.ts';
import { parsePayload } from '../payloads/parse-payload.ts';
import type { BrokerMethod } from '../routes.ts';
import { BrokerClientError } from './errors.ts';
import type { ResolvedClientOptions } from './options.ts';

const gunzipAsync = promisify(gunzip);

/** One request to one broker. */
export interface ExchangeRequest {
  readonly method: BrokerMethod;
  readonly path: string;
  /** JSON value of the body; undefined for none. */
  readonly body?: unknown;
  /** Time that the broker may take before it begins to answer, besides the usual time. */
  readonly waitMs?: number | undefined;
  /** Gives the request up; it then fails as one whose connection broke. */
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer with a status from 200 to 299. */
export interface ExchangeAnswer {
  readonly broker: string;
  readonly status: number;
  readonly text: string;
}

/** Connections to brokers: one request, one checked answer. */
export class BrokerExchange {
  readonly #agent: Agent;
  readonly #options: ResolvedClientOptions;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { timeout: options.timeoutMs },
      connections: options.connectionsMax,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      maxResponseSize: options.responseBytesMax,
    });
  }

  /**
   * Sends one request. Fails with `BrokerClientError`: a code of the broker for any status outside 200
   * to 299, BROKER_UNREACHABLE, BROKER_TIMEOUT or BAD_RESPONSE.
   */
  async send(broker: string, exchange: ExchangeRequest): Promise<ExchangeAnswer> {
    let status: number;
    let bytes: Buffer;
    let encoding: string;
    const limitMs = this.#options.timeoutMs + (exchange.waitMs ?? 0);
    const limit = AbortSignal.timeout(limitMs);
    try {
      const response = await request(`http://${broker}${exchange.path}`, {
        method: exchange.method,
        dispatcher: this.#agent,
        headersTimeout: limitMs,
        signal: exchange.signal === undefined ? limit : AbortSignal.any([limit, exchange.signal]),
        headers: {
          'accept-encoding': this.#options.acceptGzip ? 'gzip' : 'identity',
          ...(exchange.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: exchange.body === undefined ? null : JSON.stringify(exchange.body),
      });
      status = response.statusCode;
      encoding = String(response.headers['content-encoding'] ?? 'identity').toLowerCase();
      bytes = Buffer.from(await response.body.arrayBuffer());
    } catch (error) {
      throw connectionError(broker, exchange, error);
    }
    const text = await this.#decode(broker, encoding, bytes);
    if (status < 200 || status > 299) throw answerError(broker, exchange, status, text);
    return { broker, status, text };
  }

  /** Closes the connections. Requests under way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #decode(broker: string, encoding: string, bytes: Buffer): Promise<string> {
    if (encoding === 'identity') return bytes.toString();
    if (encoding !== 'gzip') {
      throw new BrokerClientError('BAD_RESPONSE', `${broker} answered in encoding ${encoding}`, {
        broker,
      });
    }
    try {
      const options = { maxOutputLength: this.#options.responseBytesMax };
      return (await gunzipAsync(bytes, options)).toString();
    } catch (cause) {
      throw new BrokerClientError(
        'BAD_RESPONSE',
        `${broker} sent a damaged or too large gzip body`,
        {
          broker,
          cause,
        },
      );
    }
  }
}

const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

function connectionError(broker: string, exchange: ExchangeRequest, cause: unknown): Error {
  const what = `${exchange.method} ${exchange.path} at ${broker}`;
  const code = errorCodeOf(cause);
  if (TIMEOUT_CODES.has(code) || (cause instanceof Error && cause.name === 'TimeoutError')) {
    return new BrokerClientError('BROKER_TIMEOUT', `${what}: no answer in time`, { broker, cause });
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || cause instanceof errors.HTTPParserError) {
    const reason = code === '' ? 'not HTTP' : code;
    return new BrokerClientError('BAD_RESPONSE', `${what}: ${reason}`, { broker, cause });
  }
  const reason = code === '' ? String(cause) : code;
  return new BrokerClientError('BROKER_UNREACHABLE', `${what}: ${reason}`, { broker, cause });
}

function errorCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function answerError(
  broker: string,
  exchange: ExchangeRequest,
  status: number,
  text: string,
): BrokerClientError {
  const what = `${exchange.method} ${exchange.path} at ${broker}: ${status}`;
  const body = parsePayload(errorBodySchema, parseJson(text));
  if (!body.ok || !isBrokerErrorCode(body.value.error)) {
    return fallbackError(broker, what, status);
  }
  const { error: code, message, field, key } = body.value;
  const detail = { broker, status, ...fieldDetail(field ?? key) };
  return new BrokerClientError(code, `${what} ${code}${message ? `: ${message}` : ''}`, detail);
}

// Statuses that the original answers as plain text, without a code.
const CODE_OF_STATUS: Readonly<Record<number, BrokerErrorCode>> = {
  404: 'ROUTE_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

function fallbackError(broker: string, what: string, status: number): BrokerClientError {
  const code = CODE_OF_STATUS[status] ?? (status === 400 ? 'INVALID_REQUEST' : 'BAD_RESPONSE');
  return new BrokerClientError(code, `${what} without an error code`, { broker, status });
}

function fieldDetail(field: string | undefined): { readonly field?: string } {
  return field === undefined ? {} : { field };
}

/** The JSON value, or undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
