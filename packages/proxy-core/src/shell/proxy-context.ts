import type { NodeAddress } from '@undermoon/cluster-meta';
import type { RequestScanner, RespValue } from '@undermoon/resp';
import type { Clock, Logger } from '@undermoon/runtime';
import type { Compression } from '../core/compression.ts';
import type { DeniedLogins } from '../core/denied-logins.ts';
import type { Fields } from '../core/info.ts';
import type { KeyPositions } from '../core/command-keys.ts';
import type { LoopAnswer, LoopQuestion } from '../core/loop-question.ts';
import type { PortAddresses } from '../core/port-addresses.ts';
import type { Redirection } from '../core/redirection.ts';
import type { LearnedByName, LearnedCommand } from '../core/learned-command.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { ScriptCache } from '../core/script-cache.ts';
import type { Session } from '../core/session.ts';
import type { TopicKind } from '../core/subscriptions.ts';
import type { TopicBook } from '../core/topic-book.ts';
import type { SlowLog } from '../core/slow-log.ts';
import type { ProxyOptions } from '../options.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { DataLoop } from './data-loop.ts';
import type { Departure } from './departure.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import type { Gate } from './gate.ts';
import type { ClientTracking } from './client-tracking.ts';
import type { DedicatedPool } from './dedicated-pool.ts';
import type { ReplyTimeout } from './reply-timeout.ts';
import type { SliceRunner } from './slice-runner.ts';
import type { TrackingClients } from './tracking-clients.ts';

/** Whole commands within a buffer. */
export interface Span {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Answers the commands that need the control side of the proxy: UMCTL, CLUSTER, CONFIG and INFO. */
export interface AdminDesk {
  /** One reply to the command in `span`, which was scanned last: at once, or in a later turn if it takes long. */
  take(client: Client, scanner: RequestScanner, span: Span): void;
  /** The reply to the whole request `frame` for a client whose reply was deferred: see `Client.deferReply`. */
  answerDeferred(client: Client, frame: Buffer, fromServers: Fields): void;
  /** One reply at once, however long it takes. `args[0]` is the command's name. */
  answer(client: Client, args: readonly Buffer[]): void;
}

/** What of a session tells how its commands are routed. */
export type SessionMode = Readonly<Pick<Session, 'port' | 'isReadonly' | 'isRedirected'>>;

/** Which loop serves which client; told by the loop that accepts. */
export interface Spread {
  /** A client waits for many replies at once. Called once for a client. */
  onPipelined(client: Client): void;
  onGone(client: Client): void;
}

/** MONITOR on one loop. */
export interface Monitoring {
  /** Some client of the proxy monitors. */
  readonly isOn: boolean;
  /** From now on the client gets the commands of all clients. */
  add(client: Client): void;
  /** It gets them no more. */
  delete(client: Client): void;
  /** The command in hand as it will be shown; null: it is not shown. */
  lineOf(client: Client, scanner: RequestScanner, bytes: Buffer): Buffer | null;
  show(client: Client, line: Buffer): void;
  /** There is one client more, or less, that monitors. */
  onChange(change: number): void;
  /** Lines of any loop, for the clients of this one. */
  onLines(lines: Uint8Array): void;
}

/** Finds scripts that are not known here. */
export interface ScriptFinder {
  /**
   * Whether the client waits until it is known what there is to know about these scripts: it was parked, and
   * goes on with the command in hand. `group`: the server that the command is for; null: all of them.
   */
  isAwaited(client: Client, digests: readonly string[], group: BackendGroup | null): boolean;
}

/**
 * What the connections of one loop, to one of the proxy's ports, share. `table` and `groups` change together,
 * between two chunks.
 */
export interface ProxyContext {
  /** Clients see one Redis server, not a cluster: they are not redirected, and keys may be in any slots. */
  readonly isPlain: boolean;
  readonly options: ProxyOptions;
  /** Where the proxy listens. */
  addresses: PortAddresses;
  readonly loop: DataLoop;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Numbers that INFO shows, bumped on the data path: see `loop-counters.ts`. */
  readonly counters: Float64Array;
  readonly gate: Gate;
  /** Null: clients stay. */
  spread: Spread | null;
  /** Stops dispatching for a client whose next command is for a held slot, until the hold ends. */
  readonly park: (client: Client) => void;
  /** Called once when a client is gone. */
  readonly forget: (client: Client) => void;
  readonly desk: AdminDesk;
  readonly dedicated: DedicatedPool;
  readonly directory: ClientDirectory;
  readonly loops: AllLoops;
  readonly tracking: TrackingClients;
  readonly pubsub: Pubsub;
  /** Scripts that clients loaded through this loop. */
  readonly scripts: ScriptCache;
  readonly scriptLookup: ScriptFinder;
  readonly redirects: RedirectDesk;
  readonly learned: ServerCommands;
  /** What takes long on this loop, in slices. */
  readonly longWork: SliceRunner;
  /** Searches for the keys of slots that are under way. */
  readonly slotScans: { count: number };
  readonly monitor: Monitoring;
  readonly slowLog: SlowLog;
  readonly deniedLogins: DeniedLogins;
  readonly replyTimeout: ReplyTimeout;
  /** Frames commands again while `loop.scanner` is in use. */
  readonly secondScanner: RequestScanner;
  /** Where the keys of the command in hand are; reused. */
  readonly keys: KeyPositions;
  /** Over how many connections per server clients spread now: see `lane-count.ts`. */
  laneCount: number;
  table: RoutingTable;
  /** The table's, or a copy in which some are held: see `SLOT_HELD`. */
  slots: Int16Array;
  /** Null: values are stored as they come. Changes with the table. */
  compression: Compression | null;
  /** Backend connections by the table's local node index. */
  groups: readonly BackendGroup[];
  /** The table without copies, for what only masters do; the same as `table` except in READONLY mode. */
  owners: RoutingTable;
  /** Those of `groups` that commands without keys are for: the masters, or the copies where there is nothing else. */
  servers: readonly BackendGroup[];
  /**
   * Whose servers get the parts of commands that are split: the plain port's, where other proxies are servers. Null:
   * such commands are refused.
   */
  splitBy: ProxyContext | null;
  /** What clients share whose sessions are in that mode. */
  readonly contextOf: (mode: SessionMode) => ProxyContext;
}

/** Every event loop of the proxy, for commands about the clients and scripts of all of them. */
export interface AllLoops {
  /**
   * Asks each loop, this one among them, in the order of the calls. `take` gets the answers as one: at once if
   * there is one loop, unless a server has to be asked.
   */
  ask(question: LoopQuestion, take: (answer: LoopAnswer) => void): void;
}

/** Something that another proxy refused, since its routing table is older or newer. It was not executed. */
export interface Redirected {
  readonly client: Client;
  /** Of its keys: more than one only for a transaction. */
  readonly slots: Iterable<number>;
  readonly patience: Patience;
  /** Tries it at another server, or at the same one once more. */
  retry(group: BackendGroup): void;
  /** Gives the client an error in place of the reply. */
  refuse(reply: Buffer): void;
}

/** Something that another proxy could not do, since it knew no server. It was not executed. */
export interface Repeated {
  readonly client: Client;
  readonly patience: Patience;
  /** Asks that proxy once more. */
  again(): void;
  /** Gives the client an error in place of the reply. */
  giveUp(): void;
}

/** How long a command is sent on. */
export interface Patience {
  /** Monotonic milliseconds. */
  readonly untilMs: number;
  hops: number;
}

/** Sends on what other proxies redirect. */
export interface RedirectDesk {
  /** Bytes of commands that are kept until their replies show that they need not be sent again. */
  keptBytes: number;
  /** Who takes the replies of another proxy for a client. */
  repliesOf(client: Client, backend: BackendConnection): KeepingSink;
  /** For a command that was redirected for the first time. */
  patienceOf(client: Client): Patience;
  /** `source`: who redirected it. */
  follow(redirected: Redirected, source: { readonly address: string }, to: Redirection): void;
  /** Tries it at the server that this proxy's table names. */
  again(redirected: Redirected): void;
  /** Asks the same proxy again in a moment, until patience ends. */
  repeat(repeated: Repeated): void;
  /** The table is a new one, or a moment has passed: what waits is tried again, in the order in which it came. */
  wake(): void;
}

/** What a client gets for a reply. `isFromPeer`: another proxy sent it. */
export type FinishReply = (reply: Buffer, isFromPeer: boolean) => Buffer;

/** Takes replies to commands that it keeps meanwhile. */
export interface KeepingSink extends ReplySink {
  /** Keeps `bytes[start, end)`, `count` commands that were sent. */
  keep(bytes: Buffer, start: number, end: number, count: number): void;
  /** The same for commands whose redirections are passed on, not followed. */
  passOn(count: number): void;
  /**
   * A whole reply of `source` that another sink got goes to the client in its place. If it is a redirection and there
   * is a command, that is sent on.
   */
  take(
    source: BackendConnection,
    answered: { readonly reply: Buffer; readonly command: Buffer | null },
    finish: FinishReply,
  ): void;
  /** The reply that another sink waits for will not come. */
  lose(source: BackendConnection, loss: BackendLoss): void;
}

/** Publish and subscribe for the clients of one loop. */
export interface Pubsub {
  /** Who subscribed to what. */
  readonly book: TopicBook<Client>;
  /** Where a message to `channel` is published; null: nowhere. */
  publishRoute(channel: Buffer): PublishRoute | null;
  /** SUBSCRIBE and its like, for a client that is owed nothing. The client goes on when that is confirmed. */
  subscribe(client: Client, kind: TopicKind, names: readonly string[]): void;
  /** UNSUBSCRIBE and its like, for a client that is owed nothing. No names: everything of this kind. */
  unsubscribe(client: Client, kind: TopicKind, names: readonly string[]): void;
  /** The same; the confirmations are for the caller to pass on. */
  endSubscriptions(client: Client, kind: TopicKind, names: readonly string[]): Buffer;
  /** Ends all subscriptions of a client without a word. */
  forget(client: Client): void;
}

/** Where PUBLISH goes. */
export interface PublishRoute {
  readonly group: BackendGroup;
  /** It is another proxy, since this one has no server. */
  readonly isPeer: boolean;
}

/** Commands that the servers know and the proxy does not. */
export interface ServerCommands {
  /** Those that are known by now. */
  readonly byName: LearnedByName;
  /** `name` in lower case. Null: no server knows it. Undefined: a server has to be asked. */
  find(name: string, nowMs: number): LearnedCommand | null | undefined;
  /** Asks the servers about names. True: `done` is called in a later turn. False: there is nothing to wait for. */
  learn(context: ProxyContext, names: readonly string[], done: () => void): boolean;
  /** The same about all that they know. */
  learnAll(context: ProxyContext, done: () => void): boolean;
  /** The reply to COMMAND. Never to be changed. */
  commandList(context: ProxyContext, protocol: 2 | 3): Buffer;
  /** The answer to what the client asked and waited for; null: there was none. Undefined: it did not ask this. */
  answerTo(client: Client, question: Buffer): RespValue | null | undefined;
  /** Asks a server for a client, which is unparked in a later turn. False: none can be asked. */
  ask(client: Client, question: Buffer): boolean;
}

/** A client that may be slow to take what it gets. */
export interface OutputReader {
  readonly peer: string;
  readonly outputBytes: number;
  destroy(): void;
}

/** The clients of one loop, as each of them sees the others. */
export interface ClientDirectory {
  /** Closes a client whose output stays above the soft limit for too long. */
  watchOutput(client: OutputReader): void;
  /** True: clients are paused, and `action` runs when that is over. */
  holdIfPaused(client: Client, isWrite: boolean, action: () => void): boolean;
}

/** A command of a client that waits on its server. */
export interface Blocking {
  /** CLIENT UNBLOCK: `take` gets to know, perhaps at once, whether that ended the wait. */
  unblock(reason: 'TIMEOUT' | 'ERROR', take: (isEnded: boolean) => void): void;
  /** The client is gone. */
  cancel(): void;
}

/** Keys that a client watches, and the connection that it has for this. */
export interface Watching {
  readonly address: NodeAddress;
  readonly connection: BackendConnection;
  /** EXEC must fail, whatever the server says. */
  readonly isBroken: boolean;
  /** Speaks another protocol from now on. */
  speak(protocol: 2 | 3): void;
  /** Gives the connection back; `isClean`: nothing is watched on it any more. */
  end(isClean: boolean): void;
  /** The client is gone. */
  cancel(): void;
}

/** One client, as those who carry out its commands see it. */
export interface Client extends ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  /** That of its port and mode. Another one serves it from the next command on. */
  context: ProxyContext;
  readonly session: Session;
  /** Its place in the list of the loop's clients, which that list sets. */
  place: number;
  /** The client's "host:port"; empty when it is gone. */
  readonly peer: string;
  /** Set while a command waits on its server. Input is read, to notice the end, but not dispatched. */
  blocked: Blocking | null;
  watching: Watching | null;
  tracking: ClientTracking | null;
  /** A command waits for the end of a pause. */
  readonly isHeld: boolean;
  /** Input that is not dispatched yet, and replies that have not left yet. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** The connection is gone. */
  readonly isClosed: boolean;
  /** The client gets what it is owed, then its connection ends. */
  readonly isEnding: boolean;
  /** Whether input may be dispatched now. */
  readonly isAccepting: boolean;
  /** Replies that the client still waits for. */
  readonly owed: number;
  /** `DataLoop.watchedMs` at the last bytes from the client. */
  readonly activeMs: number;
  /**
   * This client's connection to a server. It is another one only when no reply is owed, so that commands run in
   * the order in which they were sent.
   */
  backendOf(group: BackendGroup): BackendConnection;
  /** Sends `bytes[start, end)`, `count` commands, to a backend. False: it is known to be unreachable. */
  forward(
    backend: BackendConnection,
    count: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean;
  /** Expects more replies of a backend, by default one, which another sink asked for and will pass on. */
  owe(backend: BackendConnection, count?: number): void;
  /** Answers a command without a backend. The bytes are kept until they are due. */
  reply(bytes: Buffer): void;
  /**
   * Sends what is no reply to the command in hand: at the end of this turn of the loop, never within a reply, and
   * also while replies are turned off. Whole frames in the client's protocol, which nobody changes any more.
   */
  push(frame: Uint8Array): void;
  /**
   * Sends a whole frame that `source` sent between its replies: in that place among the client's replies, and also
   * while replies are turned off. The frame is kept, and leaves with the output of the loop.
   */
  pushBehind(source: BackendConnection, frame: Uint8Array): void;
  /** Sends what was pushed before the replies that follow. Nothing may be owed but the command in hand. */
  flushPushes(): void;
  /** Stops dispatching until `replyDeferred`: the command in hand is answered in a later turn. */
  deferReply(): void;
  /** Answers the command that `deferReply` was called for, in its place among the replies owed, and goes on. */
  replyDeferred(bytes: Buffer): void;
  /** Stops dispatching, before the command in hand, until `unpark`. What was dispatched goes on. */
  park(): void;
  /** Gives the connection away, if nothing is owed and the state of the client can travel. Null: it cannot. */
  leave(): Departure | null;
  /** What `unpark` does before it goes on with the input. */
  whenUnparked(action: () => void): void;
  unpark(): void;
  /** Stops dispatching until every reply owed so far has left, then runs `action` and goes on. */
  whenQuiet(action: () => void): void;
  /** Stops dispatching until `release`, then runs `action` and goes on. Input is read, to notice the end. */
  hold(action: () => void): void;
  release(): void;
  /**
   * Turns replies on, off, or back to how they were at first; of these only 'on' gives the command in hand a
   * reply that was to be skipped. Nothing may be owed.
   */
  setReplies(mode: 'on' | 'off' | 'reset'): void;
  /** Lets the reply to the next command be dropped, unless replies are off. Nothing may be owed. */
  skipNextReply(): void;
  /** Drops replies from now on until `endSkip`. */
  beginSkip(): void;
  endSkip(): void;
  /** Delivers what is owed, then closes. Later input is ignored. */
  endAfterReplies(): void;
  /** Closes at once. */
  destroy(): void;
}
