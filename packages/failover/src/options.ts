import type { NodeAddress } from '@undermoon/cluster-meta';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import type { Clock, Logger, Random } from '@undermoon/runtime';
import { silentLogger } from '@undermoon/runtime';
import { systemClock, systemRandom } from '@undermoon/runtime/node';
import type { CoordinatorNotice } from './core/notice.ts';
import type { CoordinatorSettings } from './core/settings.ts';
import { DEFAULT_SETTINGS } from './core/settings.ts';
import { FailoverError } from './errors.ts';

/** Options of a coordinator. The defaults are the original's where it has the setting. */
export interface CoordinatorOptions {
  /** Where its own commands are served, `host:port`. Port 0 takes a free one. Default `127.0.0.1:6699`. */
  readonly address?: string;
  /** Brokers, `host:port`, the preferred one first. May be empty until `CONFIG SET brokers`. Default `127.0.0.1:7799`. */
  readonly brokers?: readonly string[];
  /** Name in failure reports; every coordinator needs its own. Default: the address. */
  readonly reporterId?: string;
  /** Time limit for connecting to a proxy, and for each of its replies. Default 2000. */
  readonly proxyTimeoutMs?: number;
  /** Time limit for one answer of a broker. Default 3000. */
  readonly brokerTimeoutMs?: number;
  /** Send SETCLUSTER compressed, and ask the broker for compressed documents. Default false. */
  readonly enableCompression?: boolean;
  /** Detect and report, but never ask for a failover. Default false. */
  readonly disableFailover?: boolean;
  /** Ask the broker to raise its epoch when proxies are ahead of it. Default false: only the alarm is raised. */
  readonly autoRecoverEpochs?: boolean;
  /** Wait at the broker for changes and push them at once, where it offers that. Default true. */
  readonly watchBroker?: boolean;
  /** Period of the rounds; probes run at twice this rate. Default 1000. */
  readonly tickMs?: number;
  /** Misses without an answer in between after which a proxy is reported. Default 3. */
  readonly missesToReport?: number;
  /** Reports stop while a larger share of the proxies than this fails at once. 1 switches the brake off. Default 0.5. */
  readonly massFailureRatio?: number;
  /** Fewer failing proxies than this never stop the reports. Default 2. */
  readonly massFailureMin?: number;
  /**
   * How long a proxy that answers may say that it cannot reach a Redis master before it is reported as failed; 0
   * switches this off. Default 5000.
   */
  readonly redisDownMs?: number;
  /** Not reported if the replica was complete for the last time so long before that. Default 10,000. */
  readonly copyGapMs?: number;
  /** Pushes at a time. Default 32. */
  readonly pushesMax?: number;
  /** Connections to the coordinator's own port. Default 1000. */
  readonly sessionsMax?: number;
  /** A connection to that port that sends nothing for so long is closed. Default 300,000. */
  readonly sessionIdleMs?: number;
  /** Told by HELLO and INFO. Default `unknown`. */
  readonly version?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Called for everything worth telling, besides the log line. Must not throw. */
  readonly onEvent?: (notice: CoordinatorNotice) => void;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly address: NodeAddress;
  readonly brokers: readonly string[];
  readonly reporterId: string | null;
  readonly proxyTimeoutMs: number;
  readonly brokerTimeoutMs: number;
  readonly enableCompression: boolean;
  readonly settings: CoordinatorSettings;
  readonly sessionsMax: number;
  readonly sessionIdleMs: number;
  readonly version: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (notice: CoordinatorNotice) => void;
}

const REPORTER_ID = /^[A-Za-z0-9._:@[\]-]{1,128}$/;

/** Checks options. Throws INVALID_OPTION with the name of the one at fault. */
export function resolveOptions(options: CoordinatorOptions): ResolvedOptions {
  const address = parseNodeAddress(options.address ?? '127.0.0.1:6699');
  if (address === null) throw invalid('address', options.address, 'host:port');
  const brokers = options.brokers ?? ['127.0.0.1:7799'];
  const wrong = brokers.find((broker) => parseNodeAddress(broker) === null);
  if (wrong !== undefined) throw invalid('brokers', wrong, 'host:port');
  const reporterId = options.reporterId ?? null;
  if (reporterId !== null && !REPORTER_ID.test(reporterId)) {
    throw invalid('reporterId', reporterId, '1 to 128 letters, digits or . _ : @ [ ] -');
  }
  return {
    address,
    brokers,
    reporterId,
    proxyTimeoutMs: whole('proxyTimeoutMs', options.proxyTimeoutMs ?? 2000),
    brokerTimeoutMs: whole('brokerTimeoutMs', options.brokerTimeoutMs ?? 3000),
    enableCompression: options.enableCompression ?? false,
    settings: settingsOf(options),
    sessionsMax: whole('sessionsMax', options.sessionsMax ?? 1000),
    sessionIdleMs: whole('sessionIdleMs', options.sessionIdleMs ?? 300_000),
    version: options.version ?? 'unknown',
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    onEvent: options.onEvent ?? (() => undefined),
  };
}

function settingsOf(options: CoordinatorOptions): CoordinatorSettings {
  const tickMs = whole('tickMs', options.tickMs ?? DEFAULT_SETTINGS.tickMs);
  if (tickMs < 20) throw invalid('tickMs', tickMs, 'at least 20');
  const massFailureRatio = options.massFailureRatio ?? DEFAULT_SETTINGS.massFailureRatio;
  if (!(massFailureRatio > 0 && massFailureRatio <= 1)) {
    throw invalid('massFailureRatio', massFailureRatio, 'above 0, at most 1');
  }
  const proxyTimeoutMs = options.proxyTimeoutMs ?? 2000;
  return {
    ...DEFAULT_SETTINGS,
    tickMs,
    probeIntervalMs: tickMs / 2,
    suspectIntervalMs: tickMs / 4,
    missSpacingMs: tickMs / 5,
    // Enough to go on probing a suspect while the first probes still wait for their time limit.
    probesPerProxyMax: Math.min(Math.ceil((4 * proxyTimeoutMs) / tickMs) + 2, 64),
    reportIntervalMs: 5 * tickMs,
    stallMs: Math.max(tickMs, 1000),
    backoffMinMs: tickMs,
    backoffMaxMs: 15 * tickMs,
    pushOrderWaitMs: tickMs / 5,
    missesToReport: whole(
      'missesToReport',
      options.missesToReport ?? DEFAULT_SETTINGS.missesToReport,
    ),
    massFailureRatio,
    massFailureMin: whole(
      'massFailureMin',
      options.massFailureMin ?? DEFAULT_SETTINGS.massFailureMin,
    ),
    redisDownMs:
      options.redisDownMs === 0
        ? 0
        : whole('redisDownMs', options.redisDownMs ?? DEFAULT_SETTINGS.redisDownMs),
    copyGapMs: whole('copyGapMs', options.copyGapMs ?? DEFAULT_SETTINGS.copyGapMs),
    pushesMax: whole('pushesMax', options.pushesMax ?? DEFAULT_SETTINGS.pushesMax),
    isWatching: options.watchBroker ?? true,
    isFailoverDisabled: options.disableFailover ?? false,
    isEpochRecoveryAutomatic: options.autoRecoverEpochs ?? false,
  };
}

function whole(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw invalid(name, value, 'a whole number above 0');
}

function invalid(name: string, value: unknown, expected: string): FailoverError {
  const shown = JSON.stringify(value) ?? 'undefined';
  return new FailoverError('INVALID_OPTION', `${name}: expected ${expected}, got ${shown}`);
}
