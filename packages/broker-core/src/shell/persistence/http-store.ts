import { Agent, errors, request } from 'undici';
import { BrokerError } from '../../errors.ts';

/** What a store answered. */
export interface StoredDocument {
  /** Null: nothing was stored yet. */
  readonly version: string | null;
  readonly dump: unknown;
  /** The answer as it came, to see at a glance that nothing changed. */
  readonly text: string;
}

/** What a client of a store works with. */
export interface HttpStoreOptions {
  readonly address: string;
  readonly name: string;
  readonly password: string;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The calls of the external storage contract. They fail with EXTERNAL, EXTERNAL_TIMEOUT and RETRY. */
export class HttpStore {
  readonly #options: HttpStoreOptions;
  readonly #agent: Agent;
  readonly #url: string;
  readonly #authorization: string;

  constructor(options: HttpStoreOptions) {
    const { address, name, password, timeoutMs, responseBytesMax } = options;
    this.#options = options;
    this.#url = `http://${address}/api/v1/store/${encodeURIComponent(name)}`;
    this.#authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
    this.#agent = new Agent({
      connect: { timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: responseBytesMax,
    });
  }

  /** Null: the store holds a version, but nothing that is a state. */
  async get(): Promise<StoredDocument | null> {
    const answer = await this.#send('GET', null);
    if (answer.status !== 200) throw this.#unexpected(answer);
    const { version, store } = parseAnswer(answer.text);
    const isEmpty = typeof store !== 'object' || store === null || Object.keys(store).length === 0;
    return isEmpty ? null : { version, dump: store, text: answer.text };
  }

  /** Stores a state if none is there; another answer than success says that there is one. */
  async initialise(dump: unknown): Promise<void> {
    const answer = await this.#send('PUT', { version: null, store: dump });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
      throw this.#unexpected(answer);
    }
  }

  /** Replaces the state of this version. RETRY: there is another version by now, and nothing was changed. */
  async put(version: string, dump: unknown): Promise<void> {
    const answer = await this.#send('PUT', { version, store: dump });
    if (answer.status >= 200 && answer.status <= 299) return;
    if (answer.status !== 409) throw this.#unexpected(answer);
    throw new BrokerError('RETRY', 'another broker changed the external store; try again');
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #send(method: 'GET' | 'PUT', body: unknown): Promise<Answer> {
    const { timeoutMs } = this.#options;
    try {
      const response = await request(this.#url, {
        method,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          authorization: this.#authorization,
          ...(body === null ? {} : { 'content-type': 'application/json' }),
        },
        body: body === null ? null : JSON.stringify(body),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (cause) {
      if (isTimeout(cause)) {
        const message = `the external store did not answer within ${timeoutMs} ms`;
        throw new BrokerError('EXTERNAL_TIMEOUT', message, { cause });
      }
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new BrokerError('EXTERNAL', `the external store cannot be reached: ${reason}`, {
        cause,
      });
    }
  }

  #unexpected({ status }: Answer): BrokerError {
    const hint = HINTS[status] ?? '';
    return new BrokerError('EXTERNAL', `the external store answered ${status}${hint}`);
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: '; check storage_name and storage_password',
  403: '; check storage_name and storage_password',
  404: '; it does not know the storage_name',
};

function parseAnswer(text: string): { readonly version: string | null; readonly store: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new BrokerError('EXTERNAL', 'the external store did not answer with JSON', { cause });
  }
  if (typeof value !== 'object' || value === null) return { version: null, store: null };
  const { version = null, store = null } = value as { version?: unknown; store?: unknown };
  return { version: typeof version === 'string' && version !== '' ? version : null, store };
}

function isTimeout(error: unknown): boolean {
  return (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError ||
    (error instanceof DOMException && error.name === 'TimeoutError')
  );
}
