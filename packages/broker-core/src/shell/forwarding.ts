import { BROKER_ROUTES, type BrokerErrorCode, type BrokerMethod } from '@undermoon/broker-api';
import type { Clock, Logger } from '@undermoon/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Agent, request as sendRequest } from 'undici';
import { BrokerError, systemCodeOf } from '../errors.ts';
import { FORWARDED_HEADER } from './request-origin.ts';
import type { SharedStorage, Writer } from './persistence/meta-storage.ts';

/** What forwarding works with. */
export interface ForwardingOptions {
  readonly storage: SharedStorage;
  /** Age up to which reads are answered from memory; 0: every read has the storage asked. */
  readonly readAgeMsMax: number;
  /** For how long a mutation waits for a leader that takes it. */
  readonly forwardTimeoutMs: number;
  /** For how long it then waits for the answer. */
  readonly forwardAnswerTimeoutMs: number;
  readonly responseBytesMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** `timed`: a read that depends on what time it is, for which there is the leader's clock. */
type Access = 'local' | 'read' | 'timed' | 'write';
type OtherWriter = Extract<Writer, { readonly kind: 'other' }>;

const LEADER_WAIT_MS = 100;

const PASSED_REQUEST_HEADERS = [
  'content-type',
  'accept',
  'accept-encoding',
  'authorization',
  'user-agent',
];
const PASSED_ANSWER_HEADERS = [
  'content-type',
  'content-encoding',
  'vary',
  'etag',
  'www-authenticate',
];

/**
 * Lets any broker of a shared storage be asked: reads wait until what is answered is the latest state,
 * mutations go to the broker that leads.
 */
export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #agent: Agent;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { timeout: options.forwardTimeoutMs },
      headersTimeout: options.forwardAnswerTimeoutMs,
      bodyTimeout: options.forwardAnswerTimeoutMs,
      maxResponseSize: options.responseBytesMax,
    });
  }

  /** Puts itself in front of all routes of a server. */
  install(app: FastifyInstance): void {
    app.addHook('preHandler', async (request, reply) => {
      const { storage, readAgeMsMax } = this.#options;
      const access = accessOf(request);
      if (access === 'read' || access === 'timed') await storage.refresh(readAgeMsMax);
      if (storage.writer.kind === 'self') return;
      if (access === 'timed') return this.#askLeader(request, reply, storage.writer);
      if (access === 'write') return this.#forward(request, reply);
    });
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  // Returns without an answer when this broker has become the leader: the route then does the work.
  async #forward(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { storage, forwardTimeoutMs, clock } = this.#options;
    if (request.headers[FORWARDED_HEADER] !== undefined)
      throw noLeader('this broker does not lead');
    const giveUpAt = clock.monotonicMs() + forwardTimeoutMs;
    for (;;) {
      const { writer } = storage;
      if (writer.kind === 'self') return undefined;
      const leftMs = giveUpAt - clock.monotonicMs();
      if (leftMs <= 0) throw noLeader('no broker leads, or the leader cannot be reached');
      if (writer.kind === 'other' && (await this.#passOn(request, reply, writer))) {
        return reply;
      }
      await storage.writerChange(
        writer,
        AbortSignal.timeout(Math.ceil(Math.min(leftMs, LEADER_WAIT_MS))),
      );
    }
  }

  // Without a leader that answers, this broker's own clock has to do.
  async #askLeader(
    request: FastifyRequest,
    reply: FastifyReply,
    writer: Writer,
  ): Promise<FastifyReply | undefined> {
    if (writer.kind !== 'other' || request.headers[FORWARDED_HEADER] !== undefined)
      return undefined;
    try {
      return (await this.#passOn(request, reply, writer)) ? reply : undefined;
    } catch (error) {
      if (error instanceof BrokerError) return undefined;
      throw error;
    }
  }

  // False: the leader did not carry it out, and can be asked again.
  async #passOn(
    request: FastifyRequest,
    reply: FastifyReply,
    leader: OtherWriter,
  ): Promise<boolean> {
    let answer: ForwardedAnswer;
    try {
      answer = await this.#ask(request, leader);
    } catch (cause) {
      if (NEVER_CONNECTED.has(systemCodeOf(cause))) return false;
      this.#options.logger.warn({ leader: leader.url, error: cause }, 'leader did not answer');
      const message = 'the leader did not answer; the change may or may not have been made';
      throw new BrokerError('EXTERNAL_TIMEOUT', message, { cause });
    }
    if (answer.status === 409 && errorCodeOf(answer.body) === 'RETRY') return false;
    reply.code(answer.status).headers(answer.headers).send(answer.body);
    return true;
  }

  // Gives up when another broker leads: the old leader cannot write any more, and may never answer.
  async #ask(request: FastifyRequest, leader: OtherWriter): Promise<ForwardedAnswer> {
    const { storage, forwardAnswerTimeoutMs } = this.#options;
    const done = new AbortController();
    const replaced = new AbortController();
    const giveUp = async (): Promise<void> => {
      await storage.writerChange(leader, done.signal);
      replaced.abort(new Error('another broker leads now'));
    };
    void giveUp();
    try {
      const answer = await sendRequest(`${leader.url}${request.url}`, {
        method: methodOf(request),
        dispatcher: this.#agent,
        signal: AbortSignal.any([replaced.signal, AbortSignal.timeout(forwardAnswerTimeoutMs)]),
        headers: {
          ...picked(request.headers, PASSED_REQUEST_HEADERS),
          // The audit log of the leader names who asked, not who passed it on.
          'x-request-id': request.id,
          [FORWARDED_HEADER]: request.ip,
        },
        body: Buffer.isBuffer(request.body) ? request.body : null,
      });
      const body = Buffer.from(await answer.body.arrayBuffer());
      const headers = picked(answer.headers, PASSED_ANSWER_HEADERS);
      return { status: answer.statusCode, headers, body };
    } finally {
      done.abort();
    }
  }
}

interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

// The configuration is that of one broker: which standby brokers it pushes to.
const LOCAL_PATHS: ReadonlySet<string> = new Set([
  BROKER_ROUTES.version.path,
  BROKER_ROUTES.config.path,
  BROKER_ROUTES.health.path,
  // It asks the storage itself, to say why it cannot be read.
  BROKER_ROUTES.ready.path,
]);

function accessOf(request: FastifyRequest): Access {
  const path = request.routeOptions.url ?? '';
  if (LOCAL_PATHS.has(path)) return 'local';
  if (!path.startsWith('/api/')) return 'local';
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'write';
  return path === BROKER_ROUTES.failures.path && request.method === 'GET' ? 'timed' : 'read';
}

function methodOf(request: FastifyRequest): BrokerMethod {
  const { method } = request;
  if (method === 'GET' || method === 'PUT' || method === 'PATCH' || method === 'DELETE')
    return method;
  return 'POST';
}

function picked(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const entries = names.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

function errorCodeOf(body: Buffer): unknown {
  try {
    const value = JSON.parse(body.toString()) as unknown;
    return typeof value === 'object' && value !== null && 'error' in value ? value.error : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function noLeader(message: string): BrokerError {
  const code: BrokerErrorCode = 'RETRY';
  return new BrokerError(code, `${message}; try again`);
}
