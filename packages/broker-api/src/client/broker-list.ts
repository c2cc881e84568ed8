import { BrokerClientError } from './errors.ts';
import type { BrokerExchange, ExchangeAnswer, ExchangeRequest } from './exchange.ts';
import { checkBrokers } from './options.ts';

/**
 * The brokers of a client. Requests go to one of them, the current one, until it cannot be reached, or says
 * that it cannot reach the storage that it shares with others: then the next one of the list becomes the
 * current one and stays it. Brokers are not spread over, because an
 * ordinary second broker is a copy that must not be written to while the first one lives.
 */
export class BrokerList {
  #brokers: readonly string[];
  #current = 0;
  readonly #exchange: BrokerExchange;

  constructor(exchange: BrokerExchange, brokers: readonly string[]) {
    this.#exchange = exchange;
    this.#brokers = brokers;
  }

  get brokers(): readonly string[] {
    return this.#brokers;
  }

  replace(brokers: readonly string[]): void {
    const preferred = this.#brokers[this.#current];
    this.#brokers = checkBrokers(brokers);
    // A list that still names the current broker changes nothing for requests.
    this.#current = Math.max(0, preferred === undefined ? 0 : this.#brokers.indexOf(preferred));
  }

  /**
   * Sends a request to the current broker, and to each of the others after it when it cannot be reached. A
   * request that may have been carried out before the connection broke is sent again only if it is a GET.
   */
  async send(request: ExchangeRequest): Promise<ExchangeAnswer> {
    const brokers = this.#brokers;
    let failure = new BrokerClientError('BROKER_UNREACHABLE', 'the list of brokers is empty');
    const first = this.#current;
    for (let attempt = 0; attempt < brokers.length; attempt++) {
      const broker = brokers[(first + attempt) % brokers.length];
      if (broker === undefined) break;
      try {
        return await this.#exchange.send(broker, request);
      } catch (error) {
        if (!(error instanceof BrokerClientError) || !isOfThisBroker(error)) throw error;
        // Given up by the caller, which says nothing about the broker.
        if (request.signal?.aborted === true) throw error;
        failure = error;
        this.#leave(broker);
        if (request.method !== 'GET' && mayHaveArrived(error)) break;
      }
    }
    throw failure;
  }

  // Only moves on from the broker that failed: of several requests failing at once, one moves.
  #leave(broker: string): void {
    if (this.#brokers[this.#current] !== broker) return;
    this.#current = (this.#current + 1) % this.#brokers.length;
  }
}

// EXTERNAL and EXTERNAL_TIMEOUT: this broker is cut off from the shared storage; another one may not be.
function isOfThisBroker({ code }: BrokerClientError): boolean {
  return (
    code === 'BROKER_UNREACHABLE' ||
    code === 'BROKER_TIMEOUT' ||
    code === 'EXTERNAL' ||
    code === 'EXTERNAL_TIMEOUT'
  );
}

const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function mayHaveArrived(error: BrokerClientError): boolean {
  const cause = error.cause;
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return true;
  return !(typeof cause.code === 'string' && NEVER_CONNECTED.has(cause.code));
}
