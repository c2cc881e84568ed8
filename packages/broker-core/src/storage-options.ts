import { createSecureContext } from 'node:tls';
import type { Clock, Logger } from '@undermoon/runtime';
import { BrokerError } from './errors.ts';
import { etcdStorage } from './shell/persistence/etcd-storage.ts';
import { fileStorage } from './shell/persistence/file-storage.ts';
import { httpStorage } from './shell/persistence/http-storage.ts';
import { memoryStorage, type MetaStorage } from './shell/persistence/meta-storage.ts';

/** State in a file and a log beside it; a change is synced before it is answered. */
export interface FileStorageChoice {
  readonly kind: 'file';
  /** The snapshot; the other files begin with this path. */
  readonly path: string;
  /** Bytes of log after which a snapshot is written. Default 4 MiB. */
  readonly logBytesMax?: number;
}

/** State in an external HTTP store, as undermoon 0.6.2 knows it. Several brokers may share it. */
export interface HttpStorageChoice {
  readonly kind: 'http';
  /** `host:port`. */
  readonly address: string;
  /** Name of the state in the store, and user of the basic authentication. */
  readonly name: string;
  readonly password: string;
  /** Seconds between two reads that nobody asked for. Default 30. */
  readonly refreshInterval?: number;
  /** For one answer of the store. Default 5000. */
  readonly timeoutMs?: number;
}

/** Certificates in PEM. `cert` and `key` go together. */
export interface EtcdTlsChoice {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** State in etcd 3.4 or later. Several brokers share it; one of them leads. */
export interface EtcdStorageChoice {
  readonly kind: 'etcd';
  /** `http://host:port` or `https://host:port` of the members, at least one. */
  readonly endpoints: readonly string[];
  /** A user of etcd who may read and write these keys. Default: etcd is asked without one. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /**
   * Certificates in PEM, for `https` endpoints: the authority that signed those of etcd (default: those that Node.js
   * trusts), and the broker's own, for an etcd that asks clients for one.
   */
  readonly tls?: EtcdTlsChoice;
  /** What all keys begin with; ends in `/`. Default `/undermoon/`. */
  readonly prefix?: string;
  /** Seconds after which another broker takes over from a leader that is gone. Default 2, the least that etcd grants. */
  readonly leaseTtlSeconds?: number;
  /** For one answer of one member. Default 1000. */
  readonly timeoutMs?: number;
  /** Largest change in bytes. Default 1.4 MiB; etcd refuses requests above 1.5 MiB unless told otherwise. */
  readonly requestBytesMax?: number;
}

/** Where a broker keeps its state. */
export type StorageChoice =
  | 'memory'
  | FileStorageChoice
  | HttpStorageChoice
  | EtcdStorageChoice
  | MetaStorage;

/** What storages get from the broker. */
export interface StorageSetting {
  readonly enableOrderedProxy: boolean;
  readonly stateBytesMax: number;
  readonly startTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MIB = 1024 * 1024;

/** Makes the storage. It opens nothing yet. Throws INVALID_OPTION naming the option. */
export function createStorage(choice: StorageChoice, setting: StorageSetting): MetaStorage {
  if (choice === 'memory') return memoryStorage();
  if (!('kind' in choice)) return choice;
  switch (choice.kind) {
    case 'file':
      return fileStorage({
        path: choice.path,
        logBytesMax: whole('storage.logBytesMax', choice.logBytesMax ?? 4 * MIB, 1),
        logger: setting.logger,
      });
    case 'http':
      return httpStorage({
        ...setting,
        address: choice.address,
        name: choice.name,
        password: choice.password,
        refreshInterval: whole('storage.refreshInterval', choice.refreshInterval ?? 30, 1),
        timeoutMs: whole('storage.timeoutMs', choice.timeoutMs ?? 5000, 1),
        responseBytesMax: setting.stateBytesMax,
      });
    case 'etcd':
      return etcdStorage({
        ...setting,
        endpoints: toEndpoints(choice.endpoints),
        credentials: choice.credentials ?? null,
        tls: toTls(choice),
        prefix: toPrefix(choice.prefix ?? '/undermoon/'),
        leaseTtlSeconds: whole('storage.leaseTtlSeconds', choice.leaseTtlSeconds ?? 2, 1),
        timeoutMs: whole('storage.timeoutMs', choice.timeoutMs ?? 1000, 1),
        requestBytesMax: whole(
          'storage.requestBytesMax',
          choice.requestBytesMax ?? Math.floor(1.4 * MIB),
          1,
        ),
      });
  }
}

function toEndpoints(endpoints: readonly string[]): readonly string[] {
  if (endpoints.length === 0) {
    throw new BrokerError('INVALID_OPTION', 'storage.endpoints: expected at least one');
  }
  for (const [index, endpoint] of endpoints.entries()) {
    if (/^https?:\/\/[^/?#\s]+:\d{1,5}$/.test(endpoint)) continue;
    const message = `storage.endpoints[${index}]: ${JSON.stringify(endpoint)} is not "http://host:port"`;
    throw new BrokerError('INVALID_OPTION', message);
  }
  return endpoints;
}

function toTls({ tls, endpoints }: EtcdStorageChoice): EtcdTlsChoice | null {
  if (tls === undefined) return null;
  const plain = endpoints.find((endpoint) => !endpoint.startsWith('https://'));
  if (plain !== undefined) {
    const message = `storage.tls: ${plain} is asked without TLS; say https`;
    throw new BrokerError('INVALID_OPTION', message);
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new BrokerError('INVALID_OPTION', 'storage.tls: cert and key go together');
  }
  try {
    createSecureContext(tls);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError('INVALID_OPTION', `storage.tls: not usable: ${reason}`, { cause });
  }
  return tls;
}

function toPrefix(prefix: string): string {
  if (/^[\x21-\x7e]*\/$/.test(prefix)) return prefix;
  const message = `storage.prefix: ${JSON.stringify(prefix)} does not end in "/", or has other than ASCII characters`;
  throw new BrokerError('INVALID_OPTION', message);
}

/** Throws INVALID_OPTION naming the option when `value` is no whole number of at least `min`. */
export function whole(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  const message = `${name}: expected a whole number of at least ${min}, got ${value}`;
  throw new BrokerError('INVALID_OPTION', message);
}
