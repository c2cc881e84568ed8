import type { BrokerInstance } from './broker-instance.ts';

/** How many of everything there are. */
export interface FleetSize {
  readonly proxies: number;
  readonly hosts: number;
  readonly clusters: number;
  readonly chunks: number;
}

const AT_ONCE = 64;

/** Ten proxies on each host, two of five in a chunk, 20 clusters: for 2,000 proxies 400 chunks on 200 hosts. */
export function fleetOf(proxies: number): FleetSize {
  return { proxies, hosts: proxies / 10, clusters: 20, chunks: proxies / 5 };
}

export function proxyAddress(index: number): string {
  const host = Math.floor(index / 10);
  return `10.${Math.floor(host / 250)}.${host % 250}.1:${6000 + (index % 10)}`;
}

export function clusterName(index: number): string {
  return `cluster-${index}`;
}

/** Registers the proxies and makes the clusters. */
export async function buildFleet(broker: BrokerInstance, size: FleetSize): Promise<void> {
  await eachAtOnce(size.proxies, AT_ONCE, async (index) => {
    await broker.ask('POST', '/api/v3/proxies/meta', proxyBody(proxyAddress(index)));
  });
  const nodes = (size.chunks / size.clusters) * 4;
  for (let index = 0; index < size.clusters; index += 1) {
    const path = `/api/v3/clusters/meta/${clusterName(index)}`;
    await broker.ask('POST', path, { node_number: nodes });
  }
}

/** The body that registers a proxy. */
export function proxyBody(address: string): unknown {
  const [host = '', port = ''] = address.split(':');
  const nodes = [`${host}:${Number(port) + 1000}`, `${host}:${Number(port) + 2000}`];
  return { proxy_address: address, nodes, host };
}

/** Calls for 0 to count - 1, so many at a time. */
async function eachAtOnce(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const index of indexes) await work(index);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
