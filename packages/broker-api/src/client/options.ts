/** Settings of a broker client. */
export interface BrokerClientOptions {
  /** Brokers as `host:port`, the preferred one first. May be empty until `setBrokers`. */
  readonly brokers: readonly string[];
  /** Time for connecting, and for one whole answer. Default 5,000. */
  readonly timeoutMs?: number;
  /** Ask for compressed documents. Default true. Compressed answers are understood either way. */
  readonly acceptGzip?: boolean;
  /** Largest answer accepted, compressed or not. Default 256 MiB. */
  readonly responseBytesMax?: number;
  /** Connections kept per broker. Default 16. */
  readonly connectionsMax?: number;
}

/** Options with every default filled in. */
export interface ResolvedClientOptions {
  readonly brokers: readonly string[];
  readonly timeoutMs: number;
  readonly acceptGzip: boolean;
  readonly responseBytesMax: number;
  readonly connectionsMax: number;
}

/** Fills in defaults. Throws a `RangeError` that names the option at fault. */
export function resolveClientOptions(options: BrokerClientOptions): ResolvedClientOptions {
  return {
    brokers: checkBrokers(options.brokers),
    timeoutMs: positive('timeoutMs', options.timeoutMs ?? 5000),
    acceptGzip: options.acceptGzip ?? true,
    responseBytesMax: positive('responseBytesMax', options.responseBytesMax ?? 256 * 1024 * 1024),
    connectionsMax: positive('connectionsMax', options.connectionsMax ?? 16),
  };
}

/** Returns a copy of the list. Throws a `RangeError` naming an entry that is not `host:port`. */
export function checkBrokers(brokers: readonly string[]): readonly string[] {
  for (const broker of brokers) {
    const port = Number(broker.slice(broker.lastIndexOf(':') + 1));
    const isAddress = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(broker);
    if (!isAddress || port < 1 || port > 65_535) {
      throw new RangeError(`brokers: ${JSON.stringify(broker)} is not "host:port"`);
    }
  }
  return [...brokers];
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`${name}: expected a whole number above 0, got ${value}`);
}
