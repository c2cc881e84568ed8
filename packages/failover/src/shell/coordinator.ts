import { createBrokerClient } from '@undermoon/broker-api/client';
import type { BrokerClient } from '@undermoon/broker-api/client';
import { statusOf } from '../core/state.ts';
import type { CoordinatorStatus } from '../core/state.ts';
import { FailoverError } from '../errors.ts';
import type { CoordinatorOptions, ResolvedOptions } from '../options.ts';
import { resolveOptions } from '../options.ts';
import { AdminApi } from './admin-api.ts';
import { BrokerGateway } from './broker-gateway.ts';
import { withDeadline } from './deadline.ts';
import { ProxyGateway } from './proxy-gateway.ts';
import { Runner } from './runner.ts';

/** A coordinator: it keeps no data of its own, and any number of them may run side by side. */
export interface Coordinator {
  /** Opens its port and begins to work. Rejects with LISTEN_FAILED, or CLOSED after `close`. */
  listen(): Promise<void>;
  /** Takes up no new work, waits up to `drainTimeoutMs` (default 1000) for what runs, then closes everything. */
  close(options?: { readonly drainTimeoutMs?: number }): Promise<void>;
  /** Closes everything now; what runs fails. */
  destroy(reason?: Error): void;
  /** `host:port` of its own port; after `listen` with the port in use. */
  readonly address: string;
  readonly reporterId: string;
  readonly brokers: readonly string[];
  /** Replaces the list of brokers, as `CONFIG SET brokers` does. Throws a RangeError for a bad entry. */
  setBrokers(brokers: readonly string[]): void;
  status(): CoordinatorStatus;
}

/**
 * Creates a coordinator. Opens nothing before `listen`. Throws INVALID_OPTION with the option's name.
 */
export function createCoordinator(options: CoordinatorOptions = {}): Coordinator {
  return new CoordinatorServer(resolveOptions(options));
}

const REQUEST_BYTES_MAX = 64 * 1024;
const OUTPUT_BYTES_MAX = 1024 * 1024;

class CoordinatorServer implements Coordinator {
  readonly #options: ResolvedOptions;
  readonly #client: BrokerClient;
  readonly #proxies: ProxyGateway;
  readonly #runner: Runner;
  readonly #admin: AdminApi;
  #address: string;
  #phase: 'new' | 'listening' | 'closed' = 'new';
  #ended: Promise<void> | null = null;
  readonly #startedAt: number;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#address = options.address;
    this.#startedAt = options.clock.monotonicMs();
    const { clock, proxyTimeoutMs, brokerTimeoutMs, enableCompression } = options;
    this.#client = createBrokerClient({
      brokers: options.brokers,
      timeoutMs: brokerTimeoutMs,
      acceptGzip: enableCompression,
    });
    this.#proxies = new ProxyGateway({
      clock,
      timeoutMs: proxyTimeoutMs,
      compress: enableCompression,
    });
    this.#runner = new Runner({
      ...options,
      proxies: this.#proxies,
      broker: new BrokerGateway(this.#client, () => this.reporterId),
    });
    this.#admin = this.#createAdmin();
  }

  get address(): string {
    return this.#address;
  }

  get reporterId(): string {
    return this.#options.reporterId ?? this.#address;
  }

  get brokers(): readonly string[] {
    return this.#client.brokers;
  }

  setBrokers(brokers: readonly string[]): void {
    this.#client.setBrokers(brokers);
    this.#options.logger.info({ brokers }, 'brokers replaced');
    this.#runner.dispatch({ kind: 'brokers-changed' });
  }

  status(): CoordinatorStatus {
    return statusOf(this.#runner.state);
  }

  async listen(): Promise<void> {
    if (this.#phase !== 'new') {
      throw new FailoverError('CLOSED', 'listen may be called once, before close');
    }
    this.#phase = 'listening';
    const port = await this.#admin.listen();
    const { address, logger } = this.#options;
    this.#address = `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
    // Closed while the port was being opened: the port goes with it.
    if (this.#ended !== null) {
      await this.#admin.close();
      throw new FailoverError('CLOSED', 'closed while the port was being opened');
    }
    logger.info({ address: this.#address, brokers: this.brokers }, 'coordinator listens');
    this.#runner.start();
  }

  async close(options: { readonly drainTimeoutMs?: number } = {}): Promise<void> {
    if (this.#ended === null) {
      this.#phase = 'closed';
      this.#runner.stop();
      await this.#drain(options.drainTimeoutMs ?? 1000);
    }
    await this.#end();
  }

  destroy(reason?: Error): void {
    if (reason !== undefined)
      this.#options.logger.error({ error: reason }, 'coordinator destroyed');
    this.#phase = 'closed';
    // Nothing that is closed here can fail; the caller has no interest in when it is done.
    void this.#end();
  }

  async #drain(drainTimeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const expire = (): FailoverError => new FailoverError('CLOSED', 'drain time is over');
    try {
      await withDeadline(clock, drainTimeoutMs, this.#runner.idle(), expire);
    } catch (error) {
      if (!(error instanceof FailoverError)) throw error;
    }
  }

  #end(): Promise<void> {
    this.#ended ??= this.#closeAll();
    return this.#ended;
  }

  async #closeAll(): Promise<void> {
    this.#runner.stop();
    this.#proxies.destroy();
    await Promise.all([this.#client.close(), this.#admin.close()]);
    await this.#runner.idle();
  }

  #createAdmin(): AdminApi {
    const { address, clock, logger, sessionIdleMs, sessionsMax, version } = this.#options;
    return new AdminApi({
      address,
      clock,
      logger,
      idleMs: sessionIdleMs,
      sessionsMax,
      requestBytesMax: REQUEST_BYTES_MAX,
      outputBytesMax: OUTPUT_BYTES_MAX,
      context: {
        version,
        brokers: () => this.brokers,
        setBrokers: (brokers) => this.setBrokers(brokers),
        reporterId: () => this.reporterId,
        status: () => this.status(),
        uptimeMs: () => clock.monotonicMs() - this.#startedAt,
      },
    });
  }
}
