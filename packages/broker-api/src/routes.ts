/** The path that all routes start with. */
export const API_PREFIX = '/api/v3';

/** Entries that one page of a listing may hold when a client gathers a whole listing. */
export const PAGE_SIZE = 100;

/** Methods the API uses. */
export type BrokerMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One route: its method, and its path with `:name` for each parameter. */
export interface BrokerRoute {
  readonly method: BrokerMethod;
  readonly path: string;
}

/** The routes of the broker's HTTP API. */
export const BROKER_ROUTES = {
  health: { method: 'GET', path: '/healthz' },
  ready: { method: 'GET', path: '/readyz' },
  metrics: { method: 'GET', path: '/metrics' },
  openApi: { method: 'GET', path: '/api/v3/openapi.json' },
  version: { method: 'GET', path: '/api/v3/version' },
  metadata: { method: 'GET', path: '/api/v3/metadata' },
  restoreMetadata: { method: 'PUT', path: '/api/v3/metadata' },
  clusterNames: { method: 'GET', path: '/api/v3/clusters/names' },
  cluster: { method: 'GET', path: '/api/v3/clusters/meta/:name' },
  createCluster: { method: 'POST', path: '/api/v3/clusters/meta/:name' },
  deleteCluster: { method: 'DELETE', path: '/api/v3/clusters/meta/:name' },
  clusterInfo: { method: 'GET', path: '/api/v3/clusters/info/:name' },
  changeClusterConfig: { method: 'PATCH', path: '/api/v3/clusters/config/:name' },
  balanceCluster: { method: 'PUT', path: '/api/v3/clusters/balance/:name' },
  addNodes: { method: 'PATCH', path: '/api/v3/clusters/nodes/:name' },
  addNodesUpTo: { method: 'PUT', path: '/api/v3/clusters/nodes/:name' },
  deleteFreeNodes: { method: 'DELETE', path: '/api/v3/clusters/free_nodes/:name' },
  expandCluster: { method: 'POST', path: '/api/v3/clusters/migrations/expand/:name' },
  shrinkCluster: { method: 'POST', path: '/api/v3/clusters/migrations/shrink/:name/:nodeNumber' },
  scaleCluster: { method: 'POST', path: '/api/v3/clusters/migrations/auto/:name/:nodeNumber' },
  rebalanceCluster: { method: 'POST', path: '/api/v3/clusters/migrations/rebalance/:name' },
  migrations: { method: 'GET', path: '/api/v3/clusters/migrations/:name' },
  pauseMigrations: { method: 'POST', path: '/api/v3/clusters/migrations/pause/:name' },
  resumeMigrations: { method: 'POST', path: '/api/v3/clusters/migrations/resume/:name' },
  cancelMigrations: { method: 'POST', path: '/api/v3/clusters/migrations/cancel/:name' },
  commitMigration: { method: 'PUT', path: '/api/v3/clusters/migrations' },
  proxyAddresses: { method: 'GET', path: '/api/v3/proxies/addresses' },
  proxy: { method: 'GET', path: '/api/v3/proxies/meta/:address' },
  addProxy: { method: 'POST', path: '/api/v3/proxies/meta' },
  removeProxy: { method: 'DELETE', path: '/api/v3/proxies/meta/:address' },
  failedProxies: { method: 'GET', path: '/api/v3/proxies/failed/addresses' },
  failover: { method: 'POST', path: '/api/v3/proxies/failover/:address' },
  failoverV2: { method: 'POST', path: '/api/v2/proxies/failover/:address' },
  failures: { method: 'GET', path: '/api/v3/failures' },
  reportFailure: { method: 'POST', path: '/api/v3/failures/:address/:reporterId' },
  withdrawReport: { method: 'DELETE', path: '/api/v3/failures/:address/:reporterId' },
  checkResources: { method: 'POST', path: '/api/v3/resources/failures/check' },
  config: { method: 'GET', path: '/api/v3/config' },
  setConfig: { method: 'PUT', path: '/api/v3/config' },
  epoch: { method: 'GET', path: '/api/v3/epoch' },
  recoverEpochs: { method: 'PUT', path: '/api/v3/epoch/recovery' },
  setEpoch: { method: 'PUT', path: '/api/v3/epoch/:epoch' },
  watch: { method: 'GET', path: '/api/v3/watch' },
  audit: { method: 'GET', path: '/api/v3/audit' },
} as const;

/** The name of a route. */
export type BrokerRouteName = keyof typeof BROKER_ROUTES;

// The original broker takes path segments raw, so what may stand in a segment as it is (RFC 3986 pchar,
// and the brackets of IPv6 addresses) is not escaped: `10.0.0.1:6001` goes in literally.
const SEGMENT_ESCAPES = /[^A-Za-z0-9\-._~!$&'()*+,;=:@[\]]/gu;

/**
 * The path of a route with its parameters filled in and its query appended. Throws a `RangeError` when a
 * parameter is missing or empty: the resulting path would name another route.
 */
export function routePath(
  name: BrokerRouteName,
  params: Readonly<Record<string, string | number>> = {},
  query: Readonly<Record<string, string | number>> = {},
): string {
  const path = BROKER_ROUTES[name].path.replace(/:([A-Za-z]+)/g, (_, key: string) => {
    const value = String(params[key] ?? '');
    if (value === '' || value === '.' || value === '..') {
      throw new RangeError(`route ${name}: parameter ${key} is empty or a relative path`);
    }
    return value.replace(SEGMENT_ESCAPES, encodeURIComponent);
  });
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}
