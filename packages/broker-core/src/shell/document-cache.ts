import {
  clusterPayloadToJson,
  proxyPayloadToJson,
  type StoredCluster,
} from '@undermoon/broker-api';
import type { ClusterMeta, NodeAddress } from '@undermoon/cluster-meta';
import { clusterOf, clusterView, freeProxyView, memberView } from '../core/query.ts';
import type { StoreState } from '../core/model.ts';
import { JsonDocument } from './document.ts';

interface RenderedCluster {
  readonly view: ClusterMeta;
  readonly documents: Map<string, JsonDocument>;
  bytes: number;
}

/**
 * Documents of clusters, rendered once. A stored cluster never changes, and a change of its replicas alone makes
 * another one of it (`renewLists`), so what was rendered from it holds as long as the cluster object lives, and
 * goes away with it.
 */
export class DocumentCache {
  readonly #migrationLimit: number;
  readonly #bytesMax: number;
  readonly #rendered = new WeakMap<StoredCluster, RenderedCluster>();

  constructor(migrationLimit: number, bytesMax: number) {
    this.#migrationLimit = migrationLimit;
    this.#bytesMax = bytesMax;
  }

  /** The answer for a cluster. */
  cluster(state: StoreState, cluster: StoredCluster): JsonDocument {
    const rendered = this.#renderedOf(state, cluster);
    return this.#document(rendered, '', () => clusterPayloadToJson({ cluster: rendered.view }));
  }

  /** The answer for a proxy. */
  proxy(state: StoreState, address: NodeAddress): JsonDocument {
    const cluster = clusterOf(state, address);
    if (cluster === null) {
      return new JsonDocument(proxyPayloadToJson({ proxy: freeProxyView(state, address) }));
    }
    const rendered = this.#renderedOf(state, cluster);
    return this.#document(rendered, address, () =>
      proxyPayloadToJson({ proxy: memberView(rendered.view, address) }),
    );
  }

  #renderedOf(state: StoreState, cluster: StoredCluster): RenderedCluster {
    let rendered = this.#rendered.get(cluster);
    if (rendered === undefined) {
      const view = clusterView(state, cluster, this.#migrationLimit);
      rendered = { view, documents: new Map(), bytes: 0 };
      this.#rendered.set(cluster, rendered);
    }
    return rendered;
  }

  #document(rendered: RenderedCluster, key: string, render: () => unknown): JsonDocument {
    const known = rendered.documents.get(key);
    if (known !== undefined) return known;
    const document = new JsonDocument(render());
    // Twice the size leaves room for the compressed form.
    const bytes = rendered.bytes + 2 * document.json.length;
    if (bytes <= this.#bytesMax) {
      rendered.documents.set(key, document);
      rendered.bytes = bytes;
    }
    return document;
  }
}
