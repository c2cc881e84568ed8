import { hostOf, portOf } from '@undermoon/cluster-meta';
import {
  planConfigSet,
  portParameters,
  readConfig,
  readOnlyParameter,
  type ConfigSource,
} from '../core/config-table.ts';
import { fitOpenFiles } from '../core/client-room.ts';
import { SERVER_PARAMETERS, toldParameters } from '../core/server-parameters.ts';
import type { LoopQuestion } from '../core/loop-question.ts';
import { byteErrorReply, quotedBytes } from '../core/replies.ts';
import { aclLogParameter } from './acl-log.ts';
import { latencyParameter } from './latency-config.ts';
import { CLIENTS_MAX, limitParameters } from './limit-config.ts';
import { openFilesMax } from './open-files.ts';
import { slowLogParameters } from './slow-log-config.ts';
import { KEEP_ALIVE_DELAY_MS } from './transport.ts';
import { limitsOf, type ProxyOptions } from '../options.ts';
import type { ControlCall, ControlSession, ControlState } from './control-state.ts';
import { wordAt, writeArityError, writeError, writeUnknownSubcommand } from './admin-words.ts';
import type { OwnAddresses } from './cluster-replies.ts';

const WORD_BYTES_MAX = 512;

const HELP: readonly string[] = [
  'CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'HELP',
  '    Prints this help.',
];

/** Of parameters that are not settings of the same name. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['announce_host', 'The host in `announce_address`.'],
  ['bind', 'The host in `address`.'],
  [
    'client-output-buffer-limit',
    'The settings `output_bytes_max`, `output_soft_bytes` and `output_soft_ms`, in the form of Redis.',
  ],
  ['client-query-buffer-limit', 'The setting `query_buffer_bytes_max`.'],
  ['port', 'The port in `announce_address`.'],
  ['proto-max-bulk-len', 'The largest argument of a command, in bytes.'],
  [
    'tcp-keepalive',
    'Seconds of silence after which the network is asked whether a client is there.',
  ],
]);

/**
 * The parameters of a proxy: under Redis' names what Redis has too, under the names of the configuration
 * file the rest. Passwords are not among them. `tell`: CONFIG SET changed something for all loops.
 * `limitClients`: it changed how many clients there may be.
 */
export function configSourceOf(
  options: ProxyOptions,
  { address: announceAddress, replicaAddress }: OwnAddresses,
  tell: (question: LoopQuestion) => void,
  limitClients: (clientsMax: number) => void,
): ConfigSource {
  const values: readonly (readonly [string, string | number])[] = [
    ['active_redirection', options.activeRedirection ? 'yes' : 'no'],
    ['address', options.address],
    ['announce_address', announceAddress],
    ['announce_host', hostOf(announceAddress)],
    ['announce_replica_address', replicaAddress ?? ''],
    ['backend_batch_strategy', options.moderation ? 'dynamic' : 'disabled'],
    ['backend_conn_num', options.backendConnNum],
    ['backend_conn_num_large', options.backendConnNumLarge],
    ['backend_socket_path', options.backendSocketPath ?? ''],
    ['backend_wait_timeout', options.backendWaitMs],
    ['bind', hostOf(options.address)],
    ['client-output-buffer-limit', outputLimits(options)],
    ['client-query-buffer-limit', options.queryBufferBytesMax],
    ['default_redirection_address', options.defaultRedirectionAddress ?? ''],
    ['plain_address', options.plainAddress ?? ''],
    ['port', portOf(announceAddress)],
    ['proto-max-bulk-len', options.limits.bulkBytesMax],
    ['redirect_timeout_ms', options.redirectTimeoutMs],
    ['replica_address', options.replicaAddress ?? ''],
    ['spread_clients', options.spreadClients],
    ['thread_number', options.threads],
    ['tcp-keepalive', KEEP_ALIVE_DELAY_MS / 1000],
    ...limitsOf(options).filter(([name]) => name !== 'clients_max'),
  ];
  return [
    ...limitParameters(
      options,
      {
        clientsMax: limitClients,
        sessionTimeoutMs: (timeoutMs) => tell({ kind: 'session-timeout', timeoutMs }),
        backendTimeoutMs: (timeoutMs) => tell({ kind: 'backend-timeout', timeoutMs }),
      },
      fitOpenFiles({ ...options, clientsMax: CLIENTS_MAX }, openFilesMax()).clientsMax,
    ),
    ...values.map(([name, value]) =>
      readOnlyParameter(name, () => String(value), { meaning: MEANINGS.get(name) ?? null }),
    ),
    ...slowLogParameters(options.slowLog, (settings) =>
      tell({ kind: 'slow-log-change', settings }),
    ),
    latencyParameter(options.latencyMonitorThresholdMs, (thresholdMs) =>
      tell({ kind: 'latency-change', thresholdMs }),
    ),
    aclLogParameter(options.aclLogEntriesMax, (entriesMax) =>
      tell({ kind: 'denied-change', entriesMax }),
    ),
  ];
}

/** In Redis' form: hard limit, soft limit, seconds; subscribers have those of all clients. */
function outputLimits({ outputBytesMax, outputSoftBytes, outputSoftMs }: ProxyOptions): string {
  const normal = `${outputBytesMax} ${outputSoftBytes} ${Math.ceil(outputSoftMs / 1000)}`;
  return `normal ${normal} slave 0 0 0 pubsub ${normal}`;
}

/** CONFIG. */
export function executeConfig(state: ControlState, call: ControlCall): void {
  const { args, writer } = call;
  if (args.length < 2) return writeArityError(writer, 'config');
  const given = wordAt(args, 1) ?? '';
  switch (given.toUpperCase()) {
    case 'GET':
      return configGet(state, call);
    case 'SET':
      return configSet(state, call);
    case 'RESETSTAT':
      if (args.length !== 2) return writeArityError(writer, 'config|resetstat');
      state.options.resetStats();
      writer.simple('OK');
      return;
    case 'REWRITE':
      if (args.length !== 2) return writeArityError(writer, 'config|rewrite');
      return writeError(writer, 'ERR The server is running without a config file');
    case 'HELP':
      if (args.length !== 2) return writeArityError(writer, 'config|help');
      writer.array(HELP.length);
      for (const line of HELP) writer.simple(line);
      return;
    default:
      writeUnknownSubcommand(writer, 'CONFIG', given);
  }
}

function sourceFor(
  { config }: ControlState,
  { isPlain }: ControlSession,
  ofServers: ConfigSource,
): ConfigSource {
  return [...config, ...portParameters(isPlain), ...ofServers];
}

function configGet(state: ControlState, { args, writer, session }: ControlCall): void {
  if (args.length < 3) return writeArityError(writer, 'config|get');
  const patterns = args.slice(2).map((_, i) => wordAt(args, i + 2) ?? '');
  const found = readConfig(
    sourceFor(state, session, toldParameters(session.fromServers)),
    patterns,
  );
  writer.map(found.length);
  for (const [name, value] of found) writer.bulk(name).bulk(value);
}

function configSet(state: ControlState, { args, writer, session }: ControlCall): void {
  if (args.length < 4) return writeArityError(writer, 'config|set');
  // One character per byte: names and values are ASCII, and what is not comes back as it was.
  const words = args.slice(2).map((word) => quotedBytes(word, WORD_BYTES_MAX));
  const plan = planConfigSet(sourceFor(state, session, SERVER_PARAMETERS), words);
  if (!plan.ok) {
    writer.raw(byteErrorReply(`ERR ${plan.message}`));
    return;
  }
  for (const step of plan.value) step();
  writer.simple('OK');
}
