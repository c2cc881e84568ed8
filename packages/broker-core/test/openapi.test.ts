import { Validator } from '@seriousme/openapi-schema-validator';
import {
  BROKER_ROUTES,
  BROKER_STATUS,
  openApiDocument,
  routePath,
  type BrokerRouteName,
} from '@undermoon/broker-api';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { addProxies, startBroker, type Answer, type RunningBroker } from './http-fixture.ts';
import { EXPANDING_DUMP } from './store-fixture.ts';

interface Operation {
  readonly responses: Record<string, { readonly content?: Record<string, { schema: object }> }>;
}

const DOCUMENT = openApiDocument() as {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: object;
};
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(DOCUMENT, 'api');

function operationOf(route: BrokerRouteName): Operation {
  const { method, path } = BROKER_ROUTES[route];
  const item = DOCUMENT.paths[path.replace(/:([A-Za-z]+)/g, '{$1}')];
  const operation = item?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${route} is not in the document`);
  return operation;
}

/** Faults of an answer against what the document says about its route. */
function faultsOf(route: BrokerRouteName, answer: Answer): string[] {
  const { method, path } = BROKER_ROUTES[route];
  const response = operationOf(route).responses[answer.status];
  if (response === undefined) return [`${route}: status ${answer.status} is not described`];
  if (answer.text === '') return [];
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  if (response.content?.[type] === undefined) return [`${route}: ${type} is not described`];
  if (type !== 'application/json') return [];
  const pointer = [
    'paths',
    path.replace(/:([A-Za-z]+)/g, '{$1}'),
    method.toLowerCase(),
    'responses',
    `${answer.status}`,
    'content',
    type,
    'schema',
  ].map((part) => encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1')));
  const validate = ajv.getSchema(`api#/${pointer.join('/')}`);
  if (validate === undefined) return [`${route}: no schema at ${pointer.join('/')}`];
  if (validate(answer.json) === true) return [];
  return (validate.errors ?? []).map((error) => `${route} ${error.instancePath} ${error.message}`);
}

type Call = readonly [
  route: BrokerRouteName,
  status: number,
  params?: Record<string, string | number>,
  body?: unknown,
  query?: Record<string, string | number>,
];

const DEMO = { name: 'demo' };
const proxyBody = (n: number): object => ({
  proxy_address: `10.0.0.${n}:6001`,
  nodes: [`10.0.0.${n}:7001`, `10.0.0.${n}:7002`],
});

// Every route at least once as it should be, and most of them once as they should not.
const CALLS: readonly Call[] = [
  ['health', 200],
  ['ready', 200],
  ['metrics', 200],
  ['version', 200],
  ['openApi', 200],
  ['addProxy', 200, {}, proxyBody(9)],
  ['addProxy', 409, {}, proxyBody(9)],
  ['addProxy', 400, {}, { proxy_address: 5 }],
  ['addProxy', 400, {}, { ...proxyBody(8), replica_address: '10.0.0.8:7001' }],
  ['removeProxy', 200, { address: '10.0.0.9:6001' }],
  ['removeProxy', 404, { address: '10.0.0.9:6001' }],
  ['createCluster', 200, DEMO, { node_number: 4 }],
  ['createCluster', 409, DEMO, { node_number: 4 }],
  // From here on the documents name replicas.
  ['addProxy', 409, {}, { ...proxyBody(1), replica_address: '10.0.0.1:6002' }],
  ['createCluster', 400, { name: 'x' }, { node_number: 3 }],
  ['clusterNames', 200, {}, undefined, { offset: 0, limit: 1 }],
  ['clusterNames', 400, {}, undefined, { limit: 'x' }],
  ['cluster', 200, DEMO],
  ['cluster', 200, { name: 'nobody' }],
  ['clusterInfo', 200, DEMO],
  ['clusterInfo', 404, { name: 'nobody' }],
  ['changeClusterConfig', 200, DEMO, { migration_scan_count: '3' }],
  ['changeClusterConfig', 200, DEMO, { split_commands: 'true' }],
  ['changeClusterConfig', 400, DEMO, { migration_scan_count: '0' }],
  ['changeClusterConfig', 400, DEMO, { split_commands: 'yes' }],
  ['balanceCluster', 200, DEMO],
  ['proxyAddresses', 200],
  ['proxy', 200, { address: '10.0.0.1:6001' }],
  ['proxy', 200, { address: '10.0.0.8:6001' }],
  ['addNodes', 200, DEMO, { node_number: 4 }, { dry_run: 'true' }],
  ['addNodes', 200, DEMO, { node_number: 4 }],
  ['addNodes', 409, DEMO, { node_number: 400 }],
  ['addNodesUpTo', 409, DEMO, { cluster_node_number: 4 }],
  ['deleteFreeNodes', 200, DEMO, undefined, { dry_run: 'true' }],
  ['expandCluster', 200, DEMO, undefined, { dry_run: 'true' }],
  ['expandCluster', 400, DEMO, undefined, { dry_run: 'x' }],
  ['shrinkCluster', 409, { ...DEMO, nodeNumber: 4 }],
  ['scaleCluster', 200, { ...DEMO, nodeNumber: 8 }, undefined, { dry_run: 'true' }],
  ['rebalanceCluster', 404, { name: 'nobody' }],
  ['deleteFreeNodes', 200, DEMO],
  ['deleteFreeNodes', 404, DEMO],
  ['reportFailure', 200, { address: '10.0.0.1:6001', reporterId: 'c1' }],
  ['withdrawReport', 200, { address: '10.0.0.1:6001', reporterId: 'c2' }],
  ['withdrawReport', 404, { address: '10.0.0.9:6001', reporterId: 'c2' }],
  ['failures', 200],
  ['failover', 200, { address: '10.0.0.1:6001' }],
  ['failover', 404, { address: '10.0.0.9:6001' }],
  ['failoverV2', 200, { address: '10.0.0.1:6001' }],
  ['failedProxies', 200],
  ['checkResources', 200],
  ['deleteCluster', 200, DEMO],
  ['deleteCluster', 404, DEMO],
  ['config', 200],
  ['setConfig', 200, {}, { replica_addresses: ['10.0.0.7:7799'] }],
  ['setConfig', 400, {}, { replica_addresses: 'x' }],
  ['epoch', 200],
  ['recoverEpochs', 200],
  ['setEpoch', 200, { epoch: 1000 }],
  ['setEpoch', 409, { epoch: 1 }],
  ['watch', 200, {}, undefined, { since: 0, wait_ms: 0 }],
  ['watch', 400, {}, undefined, { since: 'x' }],
  ['audit', 200, {}, undefined, { limit: 5 }],
  ['restoreMetadata', 200, {}, { ...EXPANDING_DUMP, global_epoch: 2000 }],
  ['restoreMetadata', 409, {}, { ...EXPANDING_DUMP, version: 'other' }],
  ['metadata', 200],
  ['cluster', 200, DEMO],
  ['proxy', 200, { address: '10.0.1.1:6001' }],
  ['migrations', 200, DEMO],
  ['migrations', 404, { name: 'nobody' }],
  ['pauseMigrations', 200, DEMO],
  ['resumeMigrations', 200, DEMO],
  ['cancelMigrations', 404, { name: 'nobody' }],
  ['cancelMigrations', 200, DEMO],
  ['cancelMigrations', 409, DEMO],
  ['commitMigration', 404, {}, taskOf(1)],
  ['commitMigration', 200, {}, taskOf(7)],
  ['pauseMigrations', 404, DEMO],
];

function taskOf(epoch: number): unknown {
  const ends = {
    src_proxy_address: '10.0.1.1:6001',
    src_node_address: '10.0.1.1:7001',
    dst_proxy_address: '10.0.1.3:6001',
    dst_node_address: '10.0.1.3:7001',
  };
  const range = { range_list: [[4096, 8191]], tag: { Migrating: { epoch, ...ends } } };
  return { cluster_name: 'demo', slot_range: range };
}

async function call({ ask }: RunningBroker, [route, , params, body, query]: Call): Promise<Answer> {
  return ask(BROKER_ROUTES[route].method, routePath(route, params, query), body);
}

describe('the OpenAPI document', () => {
  test('is valid', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(DOCUMENT));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test('describes every body', () => {
    const text = JSON.stringify(DOCUMENT);
    // What reads anything, apart from the document's own answer, was not described.
    expect(text.match(/"(schema|items)":\{\}/g)).toBeNull();
    expect(text).not.toContain('$defs');
  });

  test('is what a broker answers to, on every route', async () => {
    const running = await startBroker({ fetchEpoch: () => Promise.resolve(null) });
    await addProxies(running.client, 6);
    const faults: string[] = [];
    for (const one of CALLS) {
      const answer = await call(running, one);
      expect([one[0], answer.status, answer.text]).toEqual([one[0], one[1], answer.text]);
      faults.push(...faultsOf(one[0], answer));
    }
    expect(faults).toEqual([]);
    const called = new Set(CALLS.map(([route]) => route));
    expect(Object.keys(BROKER_ROUTES).filter((route) => !called.has(route as never))).toEqual([]);
  });

  test('has only codes with their status', () => {
    for (const item of Object.values(DOCUMENT.paths)) {
      for (const { responses } of Object.values(item)) {
        for (const [status, { content }] of Object.entries(responses)) {
          if (status === '200' || status === '304') continue;
          const schema = content?.['application/json']?.schema as {
            properties: { error: { enum: (keyof typeof BROKER_STATUS)[] } };
          };
          for (const code of schema.properties.error.enum) {
            expect([code, BROKER_STATUS[code]]).toEqual([code, Number(status)]);
          }
        }
      }
    }
  });

  test('is a page that needs nothing from elsewhere', async () => {
    const { ask } = await startBroker();
    const page = await ask('GET', '/api/v3/docs');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'self'/);
    const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
    expect(links.length).toBeGreaterThan(4);
    for (const link of links) {
      expect(link).toMatch(/^\/api\/v3\/docs\/static\//);
      expect([link, (await ask('GET', link)).status]).toEqual([link, 200]);
    }
    expect((await ask('GET', '/api/v3/docs/json')).json).toEqual(DOCUMENT);
    expect((await ask('GET', '/api/v3/docs/nothing')).status).toBe(405);
  });
});
