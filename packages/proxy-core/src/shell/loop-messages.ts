import type { MessagePort } from 'node:worker_threads';
import type { ClusterConfig, ClusterName, Epoch, NodeAddress } from '@undermoon/cluster-meta';
import type { LogFields } from '@undermoon/runtime';
import type { SlotMarks } from '../core/held-slots.ts';
import type { BackendStats, DedicatedStats, PubsubStats } from '../core/info.ts';
import type { LoopAnswer, LoopQuestion } from '../core/loop-question.ts';
import type { PortAddresses } from '../core/port-addresses.ts';
import { peerTargetOf, type ReplicaSlots, type RoutingTable } from '../core/routing-table.ts';
import type { ProxyOptions } from '../options.ts';
import type { ControlSession } from './control-state.ts';
import type { Departure } from './departure.ts';

/** The options that another thread needs: those that are data. */
export type LoopOptions = Omit<ProxyOptions, 'logger' | 'clock' | 'onShutdown' | 'onFailure'>;

/** What a loop in a thread of its own starts with. */
export interface LoopBoot {
  readonly options: LoopOptions;
  /** The number of the loop among all; the control loop is 0. */
  readonly loopIndex: number;
  /** The descriptor over which connections come. */
  readonly connectionsFd: number;
  /** Shared; see `Gate`. */
  readonly gateWord: Int32Array;
  /** Messages about tables and holds. */
  readonly gatePort: MessagePort;
  /** Shared; see `loop-counters.ts`. */
  readonly counters: Float64Array;
}

/** A routing table as it travels: the slots are shared memory, which nobody changes any more. */
export interface SharedTable {
  readonly epoch: Epoch;
  readonly clusterName: ClusterName | null;
  readonly slots: Int16Array;
  readonly localNodes: readonly NodeAddress[];
  readonly peerStart: number;
  readonly peers: readonly NodeAddress[];
  readonly config: ClusterConfig;
  readonly replicas: ReplicaSlots | null;
}

/** What the control loop says that has to be known before the next chunk. `number` is that of the gate. */
export type GateMessage =
  | {
      readonly kind: 'hold';
      readonly number: number;
      readonly generation: number;
      readonly slots: SlotMarks;
    }
  | { readonly kind: 'commit'; readonly number: number; readonly table: SharedTable }
  /** A client comes from the control loop; its connection follows over the other channel. */
  | { readonly kind: 'arrival'; readonly client: Arrival }
  /** Its connection was lost on the way. */
  | { readonly kind: 'lost'; readonly id: number };

/** A client that moves, without its connection. */
export type Arrival = Omit<Departure, 'connection'>;

/** What the control loop says besides. */
export type LoopOrder =
  | ({ readonly kind: 'listening' } & PortAddresses)
  /** The clients go as soon as they have their replies; no new ones are taken. */
  | { readonly kind: 'drain' }
  /** The reply to a command that the loop passed on. */
  | { readonly kind: 'answer'; readonly ask: number; readonly bytes: Uint8Array }
  /** What some command wants of every loop; the loop answers by the number. */
  | { readonly kind: 'question'; readonly number: number; readonly question: LoopQuestion }
  /** What all loops answered to a question of this one. */
  | { readonly kind: 'answers'; readonly ask: number; readonly answer: LoopAnswer };

/** What a loop says to the control loop. */
export type LoopReport =
  | { readonly kind: 'ready' }
  /** It cannot serve; the proxy has to do without it. */
  | { readonly kind: 'unfit'; readonly reason: string }
  /** No command is routed by the old table any more. */
  | { readonly kind: 'held'; readonly generation: number }
  /** A command that needs the control side. */
  | ({ readonly kind: 'ask' } & LoopAsk)
  /** What a command of one of its clients wants of every loop. */
  | { readonly kind: 'question'; readonly ask: number; readonly question: LoopQuestion }
  /** Its own answer to such a question. */
  | { readonly kind: 'answered'; readonly number: number; readonly answer: LoopAnswer }
  /** How its connections to the Redis servers are. */
  | ({ readonly kind: 'stats' } & LoopStats)
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: LogFields;
      readonly message: string;
    };

export interface LoopStats {
  readonly backends: readonly BackendStats[];
  readonly dedicated: DedicatedStats;
  readonly pubsub: PubsubStats;
}

export interface LoopAsk {
  /** Names the client that waits, within its loop. */
  readonly ask: number;
  /** The whole request. */
  readonly frame: Uint8Array;
  readonly session: ControlSession;
}

/** Both ends are of one version, so the kind of a message tells its form. */
const REPORT_KINDS: ReadonlySet<unknown> = new Set<LoopReport['kind']>([
  'ready',
  'unfit',
  'held',
  'ask',
  'question',
  'answered',
  'stats',
  'log',
]);
const ORDER_KINDS: ReadonlySet<unknown> = new Set<LoopOrder['kind']>([
  'listening',
  'drain',
  'answer',
  'question',
  'answers',
]);
const GATE_KINDS: ReadonlySet<unknown> = new Set<GateMessage['kind']>([
  'hold',
  'commit',
  'arrival',
  'lost',
]);

export function isLoopReport(value: unknown): value is LoopReport {
  return REPORT_KINDS.has(kindOf(value));
}

export function isLoopOrder(value: unknown): value is LoopOrder {
  return ORDER_KINDS.has(kindOf(value));
}

export function isGateMessage(value: unknown): value is GateMessage {
  return GATE_KINDS.has(kindOf(value));
}

export function isLoopBoot(value: unknown): value is LoopBoot {
  return typeof value === 'object' && value !== null && 'gatePort' in value && 'options' in value;
}

function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : null;
}

/** A table whose slots can be read from every thread without a copy. */
export function shareTable(table: RoutingTable): SharedTable {
  const { epoch, clusterName, localNodes, peerStart, config } = table;
  const peers = table.peers.map(({ address }) => address);
  const slots = shared(table.slots);
  const replicas =
    table.replicas === null ? null : { ...table.replicas, slots: shared(table.replicas.slots) };
  return { epoch, clusterName, slots, localNodes, peerStart, peers, config, replicas };
}

function shared(slots: Int16Array): Int16Array {
  const copy = new Int16Array(new SharedArrayBuffer(slots.byteLength));
  copy.set(slots);
  return copy;
}

/** The table as it is used in another thread; the metadata stays with the control loop. */
export function takeTable(table: SharedTable): RoutingTable {
  return { ...table, peers: table.peers.map(peerTargetOf), listed: null, meta: null };
}
