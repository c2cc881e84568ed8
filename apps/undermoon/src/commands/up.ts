import path from 'node:path';

import { wholeNumber, type Command, type Invocation } from '../command-line.ts';
import { planCluster } from '../up/plan.ts';
import { createReporter } from '../up/reporter.ts';
import { hasColor } from './output.ts';
import { runUp, type UpRequest } from '../up/run-up.ts';

const DEFAULTS = { nodes: 4, spare: 1, port: 7001, brokerPort: 7799, dir: './.undermoon' } as const;
const NODES_MAX = 400;
const SPARE_MAX = 50;
const PORT_MAX = 65_535;

/** `undermoon up`. */
export const UP_COMMAND: Command = {
  name: 'up',
  args: [],
  summary: 'Start a local cluster of real Redis servers and keep it until Ctrl-C.',
  flags: [
    {
      name: 'nodes',
      value: 'number',
      doc: `Redis servers in the cluster, a multiple of 4 (default: ${DEFAULTS.nodes})`,
    },
    {
      name: 'spare',
      value: 'pairs',
      doc: `Pairs of proxies that stand by, each with two Redis servers (default: ${DEFAULTS.spare})`,
    },
    { name: 'cluster', value: 'name', doc: 'Name of the cluster (default: demo)' },
    {
      name: 'port',
      value: 'port',
      doc: `Port of the first proxy; the others follow, Redis servers 1000 above, replicas 1800 (default: ${DEFAULTS.port})`,
    },
    {
      name: 'broker-port',
      value: 'port',
      doc: `Port of the broker; the coordinators have the next two that are not taken (default: ${DEFAULTS.brokerPort})`,
    },
    {
      name: 'dir',
      value: 'folder',
      doc: `Folder for data and logs; emptied at each start (default: ${DEFAULTS.dir})`,
    },
    {
      name: 'engine',
      value: 'path',
      doc: 'Redis or Valkey server to use (default: $UNDERMOON_ENGINE, else the one in PATH)',
    },
    { name: 'json', doc: 'Print one JSON object when ready, then one JSON event per line' },
    { name: 'quiet', doc: 'Print only errors and the ready line' },
  ],
  examples: [
    'undermoon up',
    'undermoon up --nodes 8 --spare 0',
    'undermoon up --json --port 21001 --broker-port 21999 --dir /tmp/demo',
  ],
  run: (invocation) => {
    const { stdout, stderr } = process;
    const reporter = createReporter({
      json: invocation.has('json'),
      quiet: invocation.has('quiet'),
      stdout,
      stderr,
      self: selfCommand(invocation.env['npm_command'], process.argv[1] ?? ''),
      hasColor: hasColor(invocation.env),
    });
    return runUp(upRequest(invocation), reporter);
  },
};

function upRequest(invocation: Invocation): UpRequest {
  const port = (flag: string, otherwise: number): number =>
    wholeNumber(invocation, flag, { min: 1, max: PORT_MAX, otherwise });
  const plan = planCluster({
    cluster: invocation.text('cluster') ?? 'demo',
    nodeCount: wholeNumber(invocation, 'nodes', {
      min: 4,
      max: NODES_MAX,
      otherwise: DEFAULTS.nodes,
      also: 'a multiple of 4',
    }),
    sparePairCount: wholeNumber(invocation, 'spare', {
      min: 0,
      max: SPARE_MAX,
      otherwise: DEFAULTS.spare,
    }),
    proxyPort: port('port', DEFAULTS.port),
    brokerPort: port('broker-port', DEFAULTS.brokerPort),
  });
  return {
    plan,
    directory: path.resolve(invocation.text('dir') ?? DEFAULTS.dir),
    env: invocation.env,
    engine: { named: namedEngine(invocation), path: invocation.env['PATH'] ?? '' },
  };
}

// Whoever came by `npm start` or `npx` has no such program in PATH.
function selfCommand(npmCommand: string | undefined, file: string): string {
  if (npmCommand === 'exec') return 'npx undermoon';
  return path.basename(file) === 'undermoon' ? 'undermoon' : `node ${path.relative('.', file)}`;
}

function namedEngine(invocation: Invocation): UpRequest['engine']['named'] {
  const flag = invocation.text('engine');
  if (flag !== null) return { file: flag, by: '--engine' };
  const variable = invocation.env['UNDERMOON_ENGINE'];
  return variable === undefined || variable === ''
    ? null
    : { file: variable, by: 'UNDERMOON_ENGINE' };
}
