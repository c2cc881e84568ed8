import type {
  ClusterMeta,
  ClusterName,
  Epoch,
  MigrationTask,
  NodeAddress,
  ProxyMeta,
} from '@undermoon/cluster-meta';
import type { BrokerClient } from '@undermoon/broker-api/client';
import { BrokerClientError } from '@undermoon/broker-api/client';
import type { BrokerCursor } from '../core/broker-cursor.ts';

/** Documents of all clusters. */
export interface DocumentListing {
  readonly names: readonly ClusterName[];
  readonly clusters: readonly ClusterMeta[];
  readonly unread: readonly ClusterName[];
}

/** What the broker has and who is failing. Null: not asked for. */
export interface InventoryListing {
  readonly epoch: Epoch;
  readonly addresses: readonly NodeAddress[] | null;
  readonly failed: readonly NodeAddress[];
  readonly failures: readonly NodeAddress[] | null;
}

/** What changed, with the documents of what is there. */
export interface ChangeListing {
  readonly cursor: BrokerCursor;
  readonly isResync: boolean;
  readonly isComplete: boolean;
  readonly clusters: readonly ClusterMeta[];
  readonly removedClusters: readonly ClusterName[];
  readonly freeProxies: readonly ProxyMeta[];
  readonly removedProxies: readonly NodeAddress[];
}

/** How long one watch waits at the broker. */
export const WATCH_WAIT_MS = 10_000;

const DOCUMENTS_AT_ONCE = 10;
// Above this, reading all documents in one go is not slower.
const CHANGED_PROXIES_MAX = 256;

/** The coordinator's questions to the broker, each a short series of calls. */
export class BrokerGateway {
  readonly #client: BrokerClient;
  readonly #reporterId: () => string;
  readonly #watching = new AbortController();

  constructor(client: BrokerClient, reporterId: () => string) {
    this.#client = client;
    this.#reporterId = reporterId;
  }

  /**
   * The epoch is read first: whatever changes later shows as a higher epoch in the next inventory. The
   * addresses are listed only when it is not `knownEpoch`.
   */
  async inventory(known: {
    readonly knownEpoch: Epoch | null;
    readonly withFailures: boolean;
  }): Promise<InventoryListing> {
    const epoch = await this.#client.epoch();
    const [addresses, failed, failures] = await Promise.all([
      epoch === known.knownEpoch ? null : this.#client.proxyAddresses(),
      this.#client.failedProxies(),
      known.withFailures ? this.#client.failures() : null,
    ]);
    return { epoch, addresses, failed, failures };
  }

  failures(): Promise<readonly NodeAddress[]> {
    return this.#client.failures();
  }

  /** All clusters. One that cannot be read is left out and named; a broker that does not answer fails the whole. */
  async documents(): Promise<DocumentListing> {
    const listed = await this.#client.clusterNames();
    const { found, unread } = await readEach(listed, (name) => this.#client.cluster(name));
    const clusters = found.filter((cluster) => cluster !== null);
    // A cluster that is listed but has no document was deleted in between.
    const names = [...clusters.map((cluster) => cluster.name), ...unread];
    return { names, clusters, unread };
  }

  /** The documents of proxies that are in no known cluster. */
  async freeDocuments(addresses: readonly NodeAddress[]): Promise<{
    readonly documents: readonly ProxyMeta[];
    readonly unread: readonly NodeAddress[];
  }> {
    const { found, unread } = await readEach(addresses, (address) => this.#client.proxy(address));
    return { documents: found.filter((document) => document !== null), unread };
  }

  proxy(address: NodeAddress): Promise<ProxyMeta | null> {
    return this.#client.proxy(address);
  }

  cluster(name: ClusterName): Promise<ClusterMeta | null> {
    return this.#client.cluster(name);
  }

  /** Waits for a change, then reads the documents of what it names. */
  async watch(since: BrokerCursor | null): Promise<ChangeListing> {
    const { signal } = this.#watching;
    const changes = await this.#client.watch(since, { waitMs: WATCH_WAIT_MS, signal });
    const { stream, epoch, isResync, removedClusters, removedProxies } = changes;
    const read = await readEach(changes.clusters, (name) => this.#client.cluster(name));
    const clusters = read.found.filter((cluster) => cluster !== null);
    const members = new Set(clusters.flatMap((one) => one.nodes.map((node) => node.proxyAddress)));
    const others = changes.proxies.filter((address) => !members.has(address));
    const isTooMuch = others.length > CHANGED_PROXIES_MAX;
    const proxies = await this.freeDocuments(isTooMuch ? [] : others);
    return {
      cursor: { stream, epoch },
      isResync,
      isComplete: !isTooMuch && read.unread.length === 0 && proxies.unread.length === 0,
      clusters,
      removedClusters,
      freeProxies: proxies.documents.filter((document) => document.clusterName === null),
      removedProxies,
    };
  }

  /** Gives the watch up for good. */
  stopWatching(): void {
    this.#watching.abort();
  }

  report(address: NodeAddress): Promise<void> {
    return this.#client.reportFailure(address, this.#reporterId());
  }

  /** A broker that cannot take a report back, such as one of undermoon 0.6, forgets it after a while. */
  async withdrawReport(address: NodeAddress): Promise<void> {
    try {
      await this.#client.withdrawReport(address, this.#reporterId());
    } catch (error) {
      const isRefused = error instanceof BrokerClientError && isRefusal(error);
      if (!isRefused) throw error;
    }
  }

  failover(address: NodeAddress): Promise<ProxyMeta | null> {
    return this.#client.failover(address);
  }

  /** A task that the broker does not know any more was committed before. */
  async commit(task: MigrationTask): Promise<void> {
    try {
      await this.#client.commitMigration(task);
    } catch (error) {
      if (!(error instanceof BrokerClientError)) throw error;
      if (error.status !== 404 || error.code === 'ROUTE_NOT_FOUND') throw error;
    }
  }

  async recoverEpochs(): Promise<void> {
    await this.#client.recoverEpochs();
  }
}

async function readEach<K, V>(
  keys: readonly K[],
  read: (key: K) => Promise<V>,
): Promise<{ readonly found: readonly V[]; readonly unread: readonly K[] }> {
  const found: V[] = [];
  const unread: K[] = [];
  const queue = keys.values();
  const work = async (): Promise<void> => {
    for (const key of queue) {
      try {
        found.push(await read(key));
      } catch (error) {
        if (!(error instanceof BrokerClientError) || isSilent(error)) throw error;
        unread.push(key);
      }
    }
  };
  await Promise.all(Array.from({ length: DOCUMENTS_AT_ONCE }, work));
  return { found, unread };
}

/** Asking again changes nothing. */
function isRefusal({ status }: BrokerClientError): boolean {
  return status !== null && status >= 400 && status < 500;
}

function isSilent(error: BrokerClientError): boolean {
  return error.code === 'BROKER_UNREACHABLE' || error.code === 'BROKER_TIMEOUT';
}
