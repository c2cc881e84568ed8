import { parsePayload } from '@undermoon/broker-api';
import type { Clock } from '@undermoon/runtime';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { BrokerError, systemCodeOf } from '../../errors.ts';
import {
  base64,
  endOfPrefix,
  keepAliveSchema,
  leaseSchema,
  tokenSchema,
  transactionSchema,
  type EtcdAnswer,
  type EtcdTransaction,
} from './etcd-wire.ts';

/** A user of etcd. */
export interface EtcdCredentials {
  readonly username: string;
  readonly password: string;
}

/** Certificates in PEM. */
export interface EtcdTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What a client of etcd works with. */
export interface EtcdClientOptions {
  /** `http://host:port` or `https://host:port`, at least one. */
  readonly endpoints: readonly string[];
  /** Null: etcd asks for none. */
  readonly credentials: EtcdCredentials | null;
  /** Null: what Node.js trusts, and no certificate of our own. */
  readonly tls: EtcdTls | null;
  /** For one answer of one endpoint. */
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  readonly clock: Clock;
}

const ROUND_PAUSE_MS = 50;
const ROUNDS_MAX = 3;

/**
 * Calls of etcd's v3 JSON gateway. They go to one endpoint until it fails, then to the next one. Every call
 * may be sent more than once: a transaction has to compare something that it changes.
 *
 * Calls fail with EXTERNAL_TIMEOUT when no endpoint answered in time, and with EXTERNAL when etcd refused.
 */
export class EtcdClient {
  readonly #options: EtcdClientOptions;
  readonly #agent: Agent;
  #current = 0;
  #isClosed = false;
  #token: string | null = null;

  constructor(options: EtcdClientOptions) {
    this.#options = options;
    const { timeoutMs, responseBytesMax, tls } = options;
    this.#agent = new Agent({
      connect: { timeout: timeoutMs, ...tls },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: responseBytesMax,
    });
  }

  /** The endpoint that is asked first. */
  get endpoint(): string {
    return this.#options.endpoints[this.#current] ?? '';
  }

  transaction(transaction: EtcdTransaction): Promise<EtcdAnswer> {
    return this.#call('/v3/kv/txn', transaction, transactionSchema);
  }

  grantLease(ttlSeconds: number): Promise<string> {
    return this.#call('/v3/lease/grant', { TTL: String(ttlSeconds) }, leaseSchema);
  }

  /** The seconds that are left; 0 for a lease that is gone. */
  keepAlive(lease: string): Promise<number> {
    return this.#call('/v3/lease/keepalive', { ID: lease }, keepAliveSchema);
  }

  async revokeLease(lease: string): Promise<void> {
    await this.#call('/v3/lease/revoke', { ID: lease }, z.unknown());
  }

  /**
   * Calls `onChange` when the watch is set and whenever a key that begins with `prefix` may have changed,
   * until the endpoint ends the watch or `signal` does. Fails when it breaks.
   */
  async watch(prefix: string, onChange: () => void, signal: AbortSignal): Promise<void> {
    const range = { key: base64(prefix), range_end: base64(endOfPrefix(prefix)) };
    // A dispatcher of its own: the shared one limits the time between two pieces, and an answer's size.
    const agent = new Agent({
      connect: { timeout: this.#options.timeoutMs, ...this.#options.tls },
      headersTimeout: this.#options.timeoutMs,
      bodyTimeout: 0,
    });
    try {
      const { statusCode, body } = await request(`${this.endpoint}/v3/watch`, {
        method: 'POST',
        dispatcher: agent,
        signal,
        headers: this.#headers(),
        body: JSON.stringify({ create_request: range }),
      });
      if (statusCode !== 200) {
        throw new BrokerError('EXTERNAL', `etcd answered ${statusCode} to a watch`);
      }
      for await (const _piece of body) onChange();
    } finally {
      await agent.destroy();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#agent.destroy();
  }

  async #call<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const { endpoints, clock } = this.#options;
    const text = JSON.stringify(body);
    let failure: unknown;
    for (let attempt = 0; attempt < ROUNDS_MAX * endpoints.length; attempt++) {
      if (this.#isClosed) break;
      // All of them fail while etcd elects a leader, which takes a moment.
      if (attempt > 0 && attempt % endpoints.length === 0) {
        await new Promise<void>((resolve) => void clock.after(ROUND_PAUSE_MS, resolve));
      }
      const endpoint = this.endpoint;
      try {
        return await this.#sendAuthenticated(endpoint, path, text, schema);
      } catch (error) {
        if (error instanceof BrokerError && error.code === 'EXTERNAL') throw error;
        failure = error;
        if (this.endpoint === endpoint) this.#current = (this.#current + 1) % endpoints.length;
      }
    }
    const reason = reasonOf(failure, this.endpoint);
    const message = `no etcd endpoint of ${endpoints.join(', ')} answered: ${reason}`;
    throw new BrokerError('EXTERNAL_TIMEOUT', message, { cause: failure });
  }

  // A token lives for some minutes; one that etcd does not know any more is replaced once.
  async #sendAuthenticated<T>(
    endpoint: string,
    path: string,
    text: string,
    schema: z.ZodType<T>,
  ): Promise<T> {
    const { credentials } = this.#options;
    if (credentials === null) return this.#send(endpoint, path, text, schema);
    this.#token ??= await this.#authenticate(endpoint, credentials);
    try {
      return await this.#send(endpoint, path, text, schema);
    } catch (error) {
      if (!(error instanceof UnknownToken)) throw error;
      this.#token = await this.#authenticate(endpoint, credentials);
      return this.#send(endpoint, path, text, schema);
    }
  }

  #authenticate(endpoint: string, { username, password }: EtcdCredentials): Promise<string> {
    this.#token = null;
    const text = JSON.stringify({ name: username, password });
    return this.#send(endpoint, '/v3/auth/authenticate', text, tokenSchema);
  }

  #headers(): Record<string, string> {
    const headers = { 'content-type': 'application/json' };
    return this.#token === null ? headers : { ...headers, authorization: this.#token };
  }

  async #send<T>(endpoint: string, path: string, text: string, schema: z.ZodType<T>): Promise<T> {
    const response = await request(`${endpoint}${path}`, {
      method: 'POST',
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(this.#options.timeoutMs),
      headers: this.#headers(),
      body: text,
    });
    const answer = await response.body.text();
    if (response.statusCode !== 200) throw refusalOf(response.statusCode, answer);
    const parsed = parsePayload(schema, JSON.parse(answer));
    if (parsed.ok) return parsed.value;
    throw new BrokerError('EXTERNAL', `etcd answered outside of its API: ${parsed.message}`);
  }
}

// Another endpoint, or the same one a little later, may do better with these: no leader, no room in the queue,
// a request that ran out of time.
const RETRIED_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

function reasonOf(failure: unknown, endpoint: string): string {
  if (!(failure instanceof Error)) return 'the client is closed';
  // With TLS 1.3 a server refuses the certificate of a client after the handshake, by closing.
  const isCut = systemCodeOf(failure) === 'UND_ERR_SOCKET' && endpoint.startsWith('https:');
  const hint = ' (as etcd does when it asks for a client certificate and gets none that it trusts)';
  return `${failure.message}${isCut ? hint : ''}`;
}

class UnknownToken extends BrokerError {}

function refusalOf(status: number, answer: string): Error {
  const message = `etcd answered ${status}: ${answer.slice(0, 300)}`;
  if (status === 401) return new UnknownToken('EXTERNAL', message);
  return RETRIED_STATUS.has(status) ? new Error(message) : new BrokerError('EXTERNAL', message);
}
