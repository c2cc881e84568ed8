import type { MetaStore, StoredProxy } from '@undermoon/broker-api/client';
import { hostOf, parseNodeAddress, type NodeAddress } from '@undermoon/cluster-meta';

import { usage, wholeNumber, type Command, type Invocation } from '../command-line.ts';
import { CommandError } from '../errors.ts';
import { NodeProbe } from '../sight/node-probe.ts';
import { plainTable } from '../sight/status-table.ts';
import { BROKER_FLAGS } from './broker-target.ts';
import { askBroker, type Call } from './cluster-call.ts';
import { NO_PROXIES, printJson, printText } from './output.ts';
import { registerProxy, type Registration } from './register-proxy.ts';

const WEIGHT_MAX = 1000;
const WEIGHT_DEFAULT = 100;
const INDEX_MAX = 999_999_999;

/** `undermoon proxy …`. */
export const PROXY_COMMANDS: readonly Command[] = [
  {
    name: 'proxy list',
    args: [],
    summary: 'List the proxies that the broker knows.',
    flags: BROKER_FLAGS,
    examples: ['undermoon proxy list', 'undermoon proxy list --json'],
    run: (invocation) => askBroker(invocation, listProxies),
  },
  {
    name: 'proxy add',
    args: ['address'],
    summary: 'Register a proxy with its two Redis servers, or bring a failed one back.',
    details:
      'Of a proxy that is known already, what is not given stays as it is; its Redis servers and its host cannot be changed.',
    flags: [
      {
        name: 'redis',
        value: 'addresses',
        doc: 'Its two Redis servers, host:port,host:port (required for a new proxy)',
      },
      { name: 'host', value: 'name', doc: 'Fault domain (default: the host of the address)' },
      { name: 'zone', value: 'name', doc: 'Rack, availability zone or the like' },
      { name: 'weight', value: 'number', doc: 'Share of the slots, 1 to 1000 (default: 100)' },
      {
        name: 'replica-address',
        value: 'address',
        doc: 'Where clients reach it as a replica: its replica_address',
      },
      {
        name: 'index',
        value: 'number',
        doc: 'Its place, for a broker that places proxies by their index',
      },
      ...BROKER_FLAGS,
    ],
    examples: [
      'undermoon proxy add 10.0.1.1:6001 --redis 10.0.1.1:7001,10.0.1.1:7002',
      'undermoon proxy add 10.0.1.1:6001',
    ],
    run: (invocation) => askBroker(invocation, addProxy),
  },
  {
    name: 'proxy remove',
    args: ['address'],
    summary: 'Make the broker forget a proxy that is in no cluster.',
    details: 'The proxy and its Redis servers go on running, with all that they hold.',
    flags: BROKER_FLAGS,
    examples: ['undermoon proxy remove 10.0.1.1:6001'],
    run: (invocation) => askBroker(invocation, removeProxy),
  },
];

async function listProxies({ broker, invocation }: Call): Promise<void> {
  const [store, reported] = await Promise.all([broker.store(), broker.failures()]);
  const proxies = [...store.proxies.values()]
    .toSorted((a, b) => a.proxyAddress.localeCompare(b.proxyAddress, 'en', { numeric: true }))
    .map((proxy) => proxyJson(proxy, stateOf(proxy, store, reported)));
  if (invocation.has('json')) printJson({ proxies });
  else if (proxies.length === 0) printText(NO_PROXIES);
  else {
    const rows = proxies.map(({ address, host, zone, weight, cluster, state, redis }) => [
      address,
      host,
      zone ?? '-',
      String(weight),
      cluster ?? (state === 'failed' ? '-' : '(spare)'),
      state,
      redis.join(' '),
    ]);
    printText(plainTable(['PROXY', 'HOST', 'ZONE', 'WEIGHT', 'CLUSTER', 'STATE', 'REDIS'], rows));
  }
}

/** `reported`: coordinators cannot reach it; `failed`: it is not used until it is added again. */
type ProxyState = 'ok' | 'reported' | 'failed';

function stateOf(
  { proxyAddress }: StoredProxy,
  { failedProxies }: MetaStore,
  reported: readonly NodeAddress[],
): ProxyState {
  if (failedProxies.has(proxyAddress)) return 'failed';
  return reported.includes(proxyAddress) ? 'reported' : 'ok';
}

interface ProxyJson {
  readonly address: string;
  readonly replicaAddress: string | null;
  readonly redis: readonly string[];
  readonly host: string;
  readonly zone: string | null;
  readonly weight: number;
  readonly index: number;
  readonly cluster: string | null;
  readonly state: ProxyState;
}

function proxyJson(proxy: StoredProxy, state: ProxyState): ProxyJson {
  const { proxyAddress, replicaAddress, nodeAddresses, host, zone, weight, index, cluster } = proxy;
  const placed = { host, zone, weight, index, cluster };
  return { address: proxyAddress, replicaAddress, redis: nodeAddresses, ...placed, state };
}

async function addProxy({ broker, invocation }: Call): Promise<void> {
  const registration = registrationOf(invocation);
  const { proxy, wasKnown, wasFailed } = await registerProxy(broker, registration);
  const { proxyAddress: address, nodeAddresses: redis, host } = proxy;
  const answers = await doesAnswer(address);
  if (invocation.has('json')) {
    printJson({ added: address, redis, host, wasKnown, wasFailed, answers });
    return;
  }
  if (wasFailed) printText(`proxy ${address} is no longer failed, and ${useOf(proxy)}`);
  else if (wasKnown) printText(`proxy ${address} was known already`);
  else printText(`proxy ${address} added: Redis servers ${redis.join(' ')}, host ${host}`);
  if (!answers) printText('it does not answer; unless it does soon, coordinators report it');
}

// As seen from here: it need not run yet, but its address may be a wrong one.
async function doesAnswer(address: NodeAddress): Promise<boolean> {
  const probe = new NodeProbe(address);
  try {
    return await probe.answers();
  } finally {
    probe.close();
  }
}

// One that no spare could replace is still in its cluster.
function useOf({ cluster }: StoredProxy): string {
  return cluster === null ? 'free to be used' : `still in cluster ${cluster}`;
}

function registrationOf(invocation: Invocation): Registration {
  const address = addressOf(invocation);
  const number = (flag: string, min: number, max: number): number | null =>
    invocation.has(flag) ? wholeNumber(invocation, flag, { min, max, otherwise: min }) : null;
  const replica = invocation.text('replica-address');
  return {
    address,
    redis: redisOf(invocation),
    host: invocation.text('host'),
    zone: invocation.text('zone'),
    weight: number('weight', 1, WEIGHT_MAX),
    index: number('index', 0, INDEX_MAX),
    replicaAddress: replica === null ? null : parseAddress('--replica-address', replica),
    defaultHost: hostOf(address),
  };
}

function redisOf(invocation: Invocation): readonly [NodeAddress, NodeAddress] | null {
  const text = invocation.text('redis');
  if (text === null) return null;
  const [first, second, ...others] = text.split(',').map((part) => parseNodeAddress(part.trim()));
  const isPair = first && second && first !== second && others.length === 0;
  if (isPair) return [first, second];
  throw usage(
    `--redis: expected two different addresses host:port,host:port, got ${JSON.stringify(text)}`,
  );
}

async function removeProxy({ broker, invocation }: Call): Promise<void> {
  const address = addressOf(invocation);
  const proxy = (await broker.store()).proxies.get(address);
  if (proxy !== undefined) checkFree(proxy);
  await broker.removeProxy(address);
  if (invocation.has('json')) printJson({ removed: address });
  else {
    const again = proxy === undefined ? '' : `; to have it again: ${additionOf(proxy)}`;
    printText(`proxy ${address} removed${again}`);
  }
}

function checkFree({ proxyAddress: address, cluster }: StoredProxy): void {
  if (cluster === null) return;
  throw new CommandError(
    'REFUSED',
    `proxy ${address} is in use by cluster ${cluster}; "undermoon cluster scale", "remove-free" and "delete" free proxies, ` +
      `and POST /api/v3/proxies/failover/${address} has a free proxy take its place`,
  );
}

/** The command that registers it as it is. */
function additionOf(proxy: StoredProxy): string {
  const { proxyAddress, nodeAddresses, host, zone, weight, index, replicaAddress } = proxy;
  const flags: [string, string | null][] = [
    ['redis', nodeAddresses.join(',')],
    ['host', host === hostOf(proxyAddress) ? null : host],
    ['zone', zone],
    ['weight', weight === WEIGHT_DEFAULT ? null : String(weight)],
    ['index', index === 0 ? null : String(index)],
    ['replica-address', replicaAddress],
  ];
  const words = flags.flatMap(([flag, value]) =>
    value === null ? [] : [`--${flag}`, quoted(value)],
  );
  return ['undermoon proxy add', proxyAddress, ...words].join(' ');
}

/** As a word for a shell. */
function quoted(text: string): string {
  return /^[\w.:,@/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function addressOf({ words }: Invocation): NodeAddress {
  return parseAddress('address', words[0] ?? '');
}

function parseAddress(field: string, text: string): NodeAddress {
  const address = parseNodeAddress(text);
  if (address !== null) return address;
  throw usage(`${field}: expected host:port, got ${JSON.stringify(text)}`);
}
