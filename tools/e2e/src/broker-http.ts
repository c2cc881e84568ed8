/** What a broker answered. */
export interface BrokerAnswer {
  readonly status: number;
  readonly text: string;
  /** The decoded body, or undefined when it is not JSON. */
  readonly json: unknown;
}

/** One request to a broker, without the product's own client in between. `body` goes out as it is when it is a string. */
export async function askBroker(
  brokerUrl: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<BrokerAnswer> {
  const response = await fetch(`${brokerUrl}/api/v3${path}`, {
    method,
    signal: AbortSignal.timeout(5000),
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
  const text = await response.text();
  return { status: response.status, text, json: decode(text) };
}

/** A node as the broker's documents show it. */
export interface NodeDocument {
  readonly address: string;
  readonly proxy_address: string;
  readonly slots: readonly { readonly range_list: readonly (readonly [number, number])[] }[];
  readonly repl: {
    readonly role: 'master' | 'replica';
    readonly peers: readonly { readonly node_address: string; readonly proxy_address: string }[];
  };
}

/** A cluster as the broker shows it. */
export interface ClusterDocument {
  readonly name: string;
  readonly epoch: number;
  readonly nodes: readonly NodeDocument[];
}

/** The broker's document of a cluster. Fails when there is none. */
export async function clusterDocument(brokerUrl: string, name: string): Promise<ClusterDocument> {
  const answer = await askBroker(brokerUrl, 'GET', `/clusters/meta/${name}`);
  const { cluster } = (answer.json ?? {}) as { readonly cluster?: ClusterDocument | null };
  if (answer.status !== 200 || !cluster)
    throw new Error(`no cluster ${name}: ${answer.status} ${answer.text}`);
  return cluster;
}

/** The broker's global epoch. */
export async function brokerEpoch(brokerUrl: string): Promise<number> {
  const { status, text } = await askBroker(brokerUrl, 'GET', '/epoch');
  if (status !== 200) throw new Error(`no epoch: ${status} ${text}`);
  return Number(text);
}

/** Everything the broker knows, apart from reports that come and go. */
export async function brokerMetadata(brokerUrl: string): Promise<unknown> {
  return (await askBroker(brokerUrl, 'GET', '/metadata')).json;
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
