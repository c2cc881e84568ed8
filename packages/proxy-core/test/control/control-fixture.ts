import { parseNodeAddress } from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { silentLogger, type LogFields, type Logger } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import {
  FIXED_PARAMETERS,
  integerParameter,
  readOnlyParameter,
} from '../../src/core/config-table.ts';
import type { ProxyStats } from '../../src/core/info.ts';
import { createProxyControl, type ProxyControl } from '../../src/shell/admin.ts';
import type { ReplicationSettings } from '../../src/shell/control-state.ts';

/** A proxy that has hardly done anything. */
export const NO_STATS: ProxyStats = {
  uptimeSeconds: 1,
  connectedClients: 1,
  dedicated: {
    leasedCount: 0,
    idleCount: 0,
    blockedCount: 0,
    refusedCount: 0,
    trackingCount: 0,
  },
  clientsOverInput: 0,
  clientsOverOutput: 0,
  pubsub: {
    channelCount: 0,
    patternCount: 0,
    shardChannelCount: 0,
    clientCount: 0,
    linkCount: 0,
    readyLinkCount: 0,
  },
  pubsubLinksLost: 0,
  loginsDenied: 0,
  pubsubMessagesDropped: 0,
  requestPauses: 0,
  losses: { retriedCount: 0, resentCount: 0, lostCount: 0, unreachableCount: 0 },
  limits: [['clients_max', 10_000]],
  connectionsMax: 10_000,
  connectionsReceived: 1,
  connectionsRejected: 0,
  commandsProcessed: 1,
  errorReplies: 0,
  netInputBytes: 0,
  netOutputBytes: 0,
  backends: [],
  loopClients: [],
};

/** The control side of a proxy without sockets for clients. */
export function controlAt(
  announceAddress: string,
  options: { logger?: Logger; replication?: Partial<ReplicationSettings> } = {},
): ProxyControl {
  let maxclients = 10_000;
  return createProxyControl({
    announceAddress: parseNodeAddress(announceAddress)!,
    announceReplicaAddress: null,
    config: [
      ...FIXED_PARAMETERS,
      readOnlyParameter('save', () => ''),
      readOnlyParameter('appendonly', () => 'no'),
      readOnlyParameter('notify-keyspace-events', () => ''),
      integerParameter({
        name: 'maxclients',
        min: 1,
        max: 4_294_967_295,
        read: () => maxclients,
        write: (value) => {
          maxclients = value;
        },
      }),
    ],
    logger: options.logger ?? silentLogger,
    clock: systemClock,
    version: '1.2.3',
    onShutdown: () => undefined,
    resetStats: () => undefined,
    stats: () => NO_STATS,
    replication: options.replication ?? {},
  });
}

/** The reply to one command, as text. */
export function askControl(
  control: ProxyControl,
  words: readonly (string | Uint8Array)[],
  protocol: 2 | 3 = 2,
): string {
  const writer = new RespWriter(protocol);
  const args = words.map((word) => (typeof word === 'string' ? Buffer.from(word) : word));
  control.execute(
    args,
    { protocol, isPlain: false, isReplicaPort: false, fromServers: [] },
    writer,
  );
  return writer.take().toString();
}

/** A logger whose lines can be awaited. */
export class WatchedLogger implements Logger {
  readonly lines: { readonly fields: LogFields; readonly message: string }[] = [];
  #wake: () => void = () => undefined;

  debug(fields: LogFields, message: string): void {
    this.#add(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#add(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#add(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#add(fields, message);
  }

  /** Resolves when `isDone` holds; it is asked again after each line. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #add(fields: LogFields, message: string): void {
    this.lines.push({ fields, message });
    this.#wake();
  }
}
