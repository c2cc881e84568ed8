import type { ProxyJson } from '../src/index.ts';

// A cluster `demo` of two chunks in the middle of a migration, as the broker shows it to its first proxy.

const meta = {
  epoch: 7,
  src_proxy_address: '10.0.1.1:6001',
  src_node_address: '10.0.1.1:7001',
  dst_proxy_address: '10.0.1.3:6001',
  dst_node_address: '10.0.1.3:7001',
};

export const MEMBER_PROXY: ProxyJson = {
  cluster_name: 'demo',
  address: '10.0.1.1:6001',
  epoch: 7,
  nodes: [
    {
      address: '10.0.1.1:7001',
      proxy_address: '10.0.1.1:6001',
      slots: [
        { range_list: [[0, 4095]], tag: 'None' },
        { range_list: [[4096, 8191]], tag: { Migrating: meta } },
      ],
      repl: {
        role: 'master',
        peers: [{ node_address: '10.0.1.2:7002', proxy_address: '10.0.1.2:6001' }],
      },
    },
    {
      address: '10.0.1.1:7002',
      proxy_address: '10.0.1.1:6001',
      slots: [],
      repl: {
        role: 'replica',
        peers: [{ node_address: '10.0.1.2:7001', proxy_address: '10.0.1.2:6001' }],
      },
    },
  ],
  peers: [
    { proxy_address: '10.0.1.2:6001', slots: [{ range_list: [[8192, 16_383]], tag: 'None' }] },
    {
      proxy_address: '10.0.1.3:6001',
      slots: [{ range_list: [[4096, 8191]], tag: { Importing: meta } }],
    },
    { proxy_address: '10.0.1.4:6001', slots: [] },
  ],
  cluster_config: {
    compression_strategy: 'disabled',
    migration_config: {
      max_migration_time: 10_800,
      max_blocking_time: 10_000,
      scan_interval: 500,
      scan_count: 16,
    },
  },
};

const freeNode = (address: string): ProxyJson['nodes'][number] => ({
  address,
  proxy_address: '10.0.1.9:6001',
  slots: [],
  repl: { role: 'master', peers: [] },
});

export const FREE_PROXY: ProxyJson = {
  cluster_name: null,
  address: '10.0.1.9:6001',
  epoch: 8,
  nodes: [freeNode('10.0.1.9:7001'), freeNode('10.0.1.9:7002')],
  peers: [],
  cluster_config: null,
};

const CONFIG_WORDS = `CONFIG
  compression_strategy disabled migration_max_migration_time 10800 migration_max_blocking_time 10000
  migration_scan_interval 500 migration_scan_count 16`;

/** Splits at blanks and line ends; `""` is the empty word. */
export function words(text: string): string[] {
  return text
    .trim()
    .split(/\s+/)
    .map((word) => (word === '""' ? '' : word));
}

export const MEMBER_SET_REPL: readonly string[] = words(`7 NOFLAG
  master  demo 10.0.1.1:7001 1 10.0.1.2:7002 10.0.1.2:6001
  replica demo 10.0.1.1:7002 1 10.0.1.2:7001 10.0.1.2:6001`);

export const MEMBER_SET_CLUSTER: readonly string[] = words(`v2 7 NOFLAG demo
  10.0.1.1:7001 1 0-4095
  10.0.1.1:7001 MIGRATING 1 4096-8191 7 10.0.1.1:6001 10.0.1.1:7001 10.0.1.3:6001 10.0.1.3:7001
  PEER
  10.0.1.2:6001 1 8192-16383
  10.0.1.3:6001 IMPORTING 1 4096-8191 7 10.0.1.1:6001 10.0.1.1:7001 10.0.1.3:6001 10.0.1.3:7001
  ${CONFIG_WORDS}`);

export const FREE_SET_REPL: readonly string[] = words(
  '8 NOFLAG master "" 10.0.1.9:7001 0 master "" 10.0.1.9:7002 0',
);

export const FREE_SET_CLUSTER: readonly string[] = words(`v2 8 NOFLAG "" ${CONFIG_WORDS}`);

export const INFOMGR_ELEMENT =
  'demo MIGRATING 1 4096-8191 7 10.0.1.1:6001 10.0.1.1:7001 10.0.1.3:6001 10.0.1.3:7001';

export const COMMIT_BODY =
  '{"cluster_name":"demo","slot_range":{"range_list":[[4096,8191]],"tag":{"Migrating":{"epoch":7,"src_proxy_address":"10.0.1.1:6001","src_node_address":"10.0.1.1:7001","dst_proxy_address":"10.0.1.3:6001","dst_node_address":"10.0.1.3:7001"}}}}';

/** The reference payload of the compressed form, made by another implementation. */
export const REFERENCE_PAYLOAD =
  'H4sIAAAAAAAE/21QW6rDIBDdy3xL0Rtu0mYR3UAJYsxU5OpY1F5agnvv5KMtheLXnDOex6xgw7VUzJpMRBgh3pcZBIRkTYBxBfUz7CQ/NfbdcIDxtEI25FAHXyqPJyn2UsppElCNY4FjIoQ2NQEXxPwpMfDmFwkWUEL13b77JvMMaBOdPTusYFO8ZCzFJ9KlZlPR3dl58cXMAReOH71jeOPfv6K56Tde/VZXSfbmdaZmrvznyeknw1kFFGtIe+ID/W/3+H1hNl2J+6u+tfYA1rNbVUUBAAA=';

export const REFERENCE_JSON =
  '{"cluster_name":"mydb","local":{"127.0.0.1:6379":[{"range_list":[[0,8000]],"tag":"None"}]},"peer":{"127.0.0.1:7000":[{"range_list":[[8001,16383]],"tag":"None"}]},"cluster_config":{"compression_strategy":"disabled","migration_config":{"max_migration_time":10800,"max_blocking_time":10000,"scan_interval":500,"scan_count":16}}}';
