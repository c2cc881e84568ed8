import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import {
  allKeys,
  type InvalidationPayload,
  invalidationFor,
  payloadOf,
  redirectBroken,
} from '../core/invalidation.ts';
import { InvalidationBacklog } from '../core/invalidation-backlog.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import { DETOUR } from '../core/session.ts';
import type { TrackingOptions } from '../core/tracking-options.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { Lease, LeaseHolder } from './dedicated-pool.ts';
import type { ClientTracking } from './client-tracking.ts';
import type { Client } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';
import { TrackedServer, type TrackedServerEvents, type TrackingOutcome } from './tracked-server.ts';

const CACHING_YES = encodeCommand(['CLIENT', 'CACHING', 'YES']);
const CACHING_NO = encodeCommand(['CLIENT', 'CACHING', 'NO']);

/**
 * Key tracking of one client. The rules are the servers': each has connections of this client alone, with the
 * client's options, and what it pushes is passed on. When something may have been missed, because a connection
 * broke or slots moved, the client is told to forget all keys.
 */
export class Tracking implements ClientTracking, TrackedServerEvents {
  isRedirectBroken = false;
  #isCaching = false;
  readonly #client: Client;
  #options: TrackingOptions;
  #table: RoutingTable;
  /** The table of commands that are split; null: none are. */
  #splitTable: RoutingTable | null;
  readonly #servers = new Map<NodeAddress, TrackedServer>();
  /** What servers have told while a reply is put together. */
  readonly #held: InvalidationBacklog;
  #isHolding = false;
  /** For the client of another number, while what was sent to it before is under way. */
  readonly #forOther: InvalidationBacklog;
  #isAsking = false;
  #isEnded = false;

  constructor(client: Client, options: TrackingOptions) {
    const { outputPauseBytes } = client.context.options;
    this.#client = client;
    this.#options = options;
    this.#table = client.context.table;
    this.#splitTable = client.context.splitBy?.table ?? null;
    this.#held = new InvalidationBacklog(outputPauseBytes);
    this.#forOther = new InvalidationBacklog(outputPauseBytes);
  }

  get options(): TrackingOptions {
    return this.#options;
  }

  get isCaching(): boolean {
    return this.#isCaching;
  }

  set isCaching(isCaching: boolean) {
    this.#isCaching = isCaching;
    const { session } = this.#client;
    if (isCaching) session.detours |= DETOUR.CACHING;
    else session.detours &= ~DETOUR.CACHING;
  }

  /** Lets every server track with these options. `done` gets what went wrong, or 'on'; perhaps at once. */
  start(options: TrackingOptions, done: (outcome: TrackingOutcome) => void): void {
    this.#options = options;
    this.isRedirectBroken = false;
    const { groups } = this.#client.context;
    let left = groups.length;
    let worst: TrackingOutcome = 'on';
    if (left === 0) done('on');
    for (const { address } of groups) {
      this.#serverAt(address).start(options, (outcome) => {
        // A server that cannot be reached now is tried again.
        if (outcome !== 'lost' && worst !== 'full') worst = outcome === 'on' ? worst : outcome;
        if (--left === 0) done(worst);
      });
    }
  }

  connectionOf(group: BackendGroup): BackendConnection {
    const { session } = this.#client;
    // In READONLY mode there are servers that were not there when tracking began.
    const connection = this.#isEnded ? null : this.#serverAt(group.address).connection();
    // Only a client that is closed just now has none.
    if (connection === null) return group.connection(session.protocol, 0);
    this.announceCaching(connection);
    return connection;
  }

  announceCaching(connection: BackendConnection): void {
    if (!this.#isCaching) return;
    const command = this.#options.isOptIn ? CACHING_YES : CACHING_NO;
    const sink = new ReplyText(() => undefined);
    connection.request(sink, 1, false, command, 0, command.length);
  }

  lend(group: BackendGroup, holder: LeaseHolder): Lease | null {
    this.connectionOf(group);
    return this.#servers.get(group.address)?.lend(holder) ?? null;
  }

  takeBack(holder: LeaseHolder, isBroken: boolean): void {
    for (const server of this.#servers.values()) server.takeBack(holder, isBroken);
  }

  speak(protocol: 2 | 3): void {
    for (const server of this.#servers.values()) server.speak(protocol);
  }

  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    for (const payload of this.#held.takeAll()) this.#tell(null, payload);
  }

  onTableChange(isLosing: (from: RoutingTable, to: RoutingTable) => boolean): void {
    const { table, groups, splitBy } = this.#client.context;
    const before = this.#table;
    const splitBefore = this.#splitTable;
    this.#table = table;
    this.#splitTable = splitBy?.table ?? null;
    const wanted = new Set(groups.map(({ address }) => address));
    // Other proxies have read keys for the client if parts of its commands went there.
    const parted = new Set(splitBy?.groups.map(({ address }) => address));
    for (const [address, server] of this.#servers) {
      if (wanted.has(address) || parted.has(address)) continue;
      this.#servers.delete(address);
      server.retire();
    }
    for (const address of wanted) {
      if (!this.#servers.has(address)) this.#serverAt(address).retry(Infinity);
    }
    const isLosingParts =
      splitBefore !== null && (splitBy === null || isLosing(splitBefore, splitBy.table));
    if (isLosing(before, table) || isLosingParts) this.onGap(null);
  }

  onTick(): void {
    const nowMs = this.#client.context.clock.monotonicMs();
    for (const server of this.#servers.values()) server.retry(nowMs);
  }

  end(): void {
    this.#isEnded = true;
    this.isCaching = false;
    for (const server of this.#servers.values()) server.end();
    this.#servers.clear();
    this.#client.context.tracking.delete(this);
  }

  onPush(source: BackendConnection, frame: Buffer): void {
    const payload = payloadOf(frame);
    // A word about the redirection is about this proxy's own connections.
    if (payload !== null) this.#tell(source, payload);
  }

  onGap(source: BackendConnection | null): void {
    const client = this.#client;
    this.#tell(source, allKeys(client.session.protocol));
    // Replies under way may be older than the gap.
    if (source === null && client.owed > 0 && !client.isClosed) {
      client.whenQuiet(() => this.#tell(null, allKeys(client.session.protocol)));
    }
  }

  onFailure(reason: string): void {
    if (this.#isEnded) return;
    const { context, peer } = this.#client;
    context.logger.warn({ client: peer, reason }, 'client closed: its keys cannot be tracked');
    this.#client.destroy();
  }

  #serverAt(address: NodeAddress): TrackedServer {
    const known = this.#servers.get(address);
    if (known !== undefined) return known;
    const server = new TrackedServer(this.#client, address, this.#options, this);
    this.#servers.set(address, server);
    return server;
  }

  #tell(source: BackendConnection | null, payload: InvalidationPayload): void {
    const { session } = this.#client;
    if (this.#isEnded) return;
    if (this.#options.redirect !== 0) {
      this.#forOther.add(payload, session.protocol);
      this.#tellOther();
    } else if (session.protocol === 3) this.#tellClient(source, payload);
  }

  #tellClient(source: BackendConnection | null, payload: InvalidationPayload): void {
    const client = this.#client;
    if (this.#isHolding) {
      this.#held.add(payload, 3);
      return;
    }
    const frame = invalidationFor(payload, { protocol: 3, isSubscriber: false });
    if (frame === null) return;
    if (source === null) client.push(frame);
    else client.pushBehind(source, frame);
  }

  /** One question at a time: what comes meanwhile is bounded here. */
  #tellOther(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { redirect } = this.#options;
    let left = 0;
    const note = (count: number): void => {
      if (count === 0) this.#noteBroken(redirect);
      if (--left === 0) this.#isAsking = false;
      if (!this.#isAsking && !this.#forOther.isEmpty) this.#tellOther();
    };
    const payloads = this.#forOther.takeAll();
    left = payloads.length;
    if (left === 0) this.#isAsking = false;
    for (const bytes of payloads) {
      const payload = new Uint8Array(bytes);
      const question = { kind: 'invalidate', client: redirect, payload } as const;
      this.#client.context.loops.ask(question, ({ count }) => note(count));
    }
  }

  #noteBroken(redirect: number): void {
    if (this.#isEnded || redirect !== this.#options.redirect) return;
    this.isRedirectBroken = true;
    if (this.#client.session.protocol === 3) this.#client.push(redirectBroken(redirect));
  }
}
