import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { PushFrames } from '../core/push-frames.ts';
import { type TrackingOptions, trackingCommands } from '../core/tracking-options.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { Lease, LeaseHolder } from './dedicated-pool.ts';
import type { Client } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';

const CLIENT_ID = encodeCommand(['CLIENT', 'ID']);

/** What hears of a client's connections to one server. */
export interface TrackedServerEvents {
  /** The server pushed a frame over `source`. */
  onPush(source: BackendConnection, frame: Buffer): void;
  /** The client may have missed something. Null: the connection is gone. */
  onGap(source: BackendConnection | null): void;
  /** The client cannot be told any more what changes at this server. */
  onFailure(reason: string): void;
}

/** What became of an attempt: an error of the server is its text. */
export type TrackingOutcome = 'on' | 'lost' | 'full' | { readonly refusal: string };

/**
 * The connections of one client that tracks keys to one server. Its commands go over `data`, so that the server
 * knows what it has read. When another client is to be told, the server pushes to a second one, `mailbox`: `data`
 * speaks the client's protocol, which may be the one without pushes.
 */
export class TrackedServer implements LeaseHolder {
  readonly address: NodeAddress;
  readonly #client: Client;
  readonly #events: TrackedServerEvents;
  #options: TrackingOptions;
  #data: Lease | null = null;
  #mailbox: Lease | null = null;
  /** The connection that `data` was, or is. */
  #last: BackendConnection | null = null;
  /** Prefixes that the server has for `data`. */
  #prefixes: readonly string[] = [];
  #borrower: LeaseHolder | null = null;
  /** 'off': it is tried again; 'failed': whoever asked for it has to end the tracking. */
  #state: 'off' | 'starting' | 'on' | 'failed' | 'retired' = 'off';
  #retryAtMs = 0;

  constructor(
    client: Client,
    address: NodeAddress,
    options: TrackingOptions,
    events: TrackedServerEvents,
  ) {
    this.#client = client;
    this.address = address;
    this.#options = options;
    this.#events = events;
  }

  /** The command that borrowed the connection waits on the server. */
  get isBlocking(): boolean {
    return this.#borrower?.isBlocking === true;
  }

  get timeoutMs(): number | null {
    return this.#borrower?.timeoutMs ?? null;
  }

  /** Asks the server to track with these options. `done` is called once, perhaps at once. */
  start(options: TrackingOptions, done: (outcome: TrackingOutcome) => void): void {
    this.#options = options;
    this.#state = 'starting';
    const finish = (outcome: TrackingOutcome): void => {
      if (this.#state === 'starting') this.#state = stateAfter(outcome);
      done(outcome);
    };
    const data = this.#takeData();
    if (data === null) finish('full');
    else if (options.redirect === 0) {
      this.#announce(data, 0, (outcome) => {
        this.#dropMailbox();
        finish(outcome);
      });
    } else this.#askMailbox(data, finish);
  }

  /** The connection for commands; one that refuses them while the server cannot be reached. Null: there is none. */
  connection(): BackendConnection | null {
    if (this.#data === null && this.#client.context.clock.monotonicMs() >= this.#retryAtMs) {
      this.#renew();
    }
    return this.#data?.connection ?? this.#last;
  }

  lend(holder: LeaseHolder): Lease | null {
    this.connection();
    if (this.#data !== null) this.#borrower = holder;
    return this.#data;
  }

  takeBack(holder: LeaseHolder, isBroken: boolean): void {
    if (this.#borrower !== holder) return;
    this.#borrower = null;
    if (!isBroken || this.#data === null) return;
    const data = this.#data;
    this.#lose(data, this.#client.context.clock.monotonicMs());
    this.#client.context.dedicated.drop(data);
  }

  speak(protocol: 2 | 3): void {
    if (this.#data === null) return;
    this.#data.protocol = protocol;
    const command = encodeCommand(['HELLO', String(protocol)]);
    const sink = new ReplyText(() => undefined);
    this.#data.connection.request(sink, 1, false, command, 0, command.length);
  }

  /** The server serves nothing here any more: the connections end when they owe nothing. */
  retire(): void {
    this.#state = 'retired';
    this.onTick();
  }

  end(): void {
    const { dedicated } = this.#client.context;
    if (this.#data !== null) dedicated.drop(this.#data);
    this.#data = null;
    this.#dropMailbox();
  }

  onTableChange(): void {
    this.#borrower?.onTableChange();
  }

  /** Called by the pool for each of the connections. */
  onTick(): void {
    this.#borrower?.onTick();
    const isIdle = this.#borrower === null && (this.#data?.connection.pending ?? 0) === 0;
    if (this.#state === 'retired' && isIdle) this.end();
  }

  /** Tries again what failed. Called by the coarse timer. */
  retry(nowMs: number): void {
    if (this.#state === 'off' && nowMs >= this.#retryAtMs) this.#renew();
  }

  onLost(lease: Lease): void {
    const { options, clock } = this.#client.context;
    const wasReady = lease.connection.state === 'ready';
    const nowMs = clock.monotonicMs();
    this.#lose(lease, wasReady ? nowMs : nowMs + options.backendRetryDelayMs);
  }

  #lose(lease: Lease, retryAtMs: number): void {
    if (lease === this.#data) {
      this.#data = null;
      this.#prefixes = [];
    } else if (lease === this.#mailbox) this.#mailbox = null;
    else return;
    const wasOn = this.#state === 'on';
    if (this.#state !== 'retired' && this.#state !== 'failed') this.#state = 'off';
    this.#retryAtMs = retryAtMs;
    if (wasOn) this.#events.onGap(null);
  }

  #renew(): void {
    if (this.#state === 'retired' || this.#state === 'failed') return;
    // Reads over a new connection come behind the word that turns tracking on, so nothing of them is missed. What
    // the client, or others for it, read elsewhere meanwhile may be.
    const hasGap = this.#options.isBroadcast || this.#options.redirect !== 0;
    this.start(this.#options, (outcome) => {
      if (outcome === 'full') this.#events.onFailure('no connection is left');
      else if (typeof outcome === 'object') this.#events.onFailure(outcome.refusal);
      else if (outcome === 'on' && hasGap) this.#events.onGap(this.#data?.connection ?? null);
    });
  }

  #takeData(): Lease | null {
    this.#data ??= this.#take(this.#client.session.protocol);
    if (this.#data !== null) this.#last = this.#data.connection;
    return this.#data;
  }

  #take(protocol: 2 | 3): Lease | null {
    const { context } = this.#client;
    const lease = context.dedicated.take(this.address, protocol, this);
    if (lease === null) return null;
    const { connection } = lease;
    const onFrame = (frame: Buffer): void => this.#events.onPush(connection, frame);
    connection.takePushes(new PushFrames(context.options.outputBytesMax, onFrame));
    return lease;
  }

  #askMailbox(data: Lease, done: (outcome: TrackingOutcome) => void): void {
    this.#mailbox ??= this.#take(3);
    const mailbox = this.#mailbox;
    if (mailbox === null) {
      done('full');
      return;
    }
    const take = (text: string | null): void => {
      if (text === null || data !== this.#data) done('lost');
      else if (!text.startsWith(':')) done({ refusal: text });
      else this.#announce(data, Number(text.slice(1)), done);
    };
    request(mailbox.connection, CLIENT_ID, take);
  }

  #announce(data: Lease, redirect: number, done: (outcome: TrackingOutcome) => void): void {
    const options = this.#options;
    const commands = trackingCommands(options, redirect, this.#prefixes);
    let left = commands.length;
    let outcome: TrackingOutcome = 'on';
    for (const command of commands) {
      request(data.connection, encodeCommand(command), (text) => {
        if (text === null) outcome = 'lost';
        else if (!text.startsWith('+')) outcome = { refusal: text };
        if (--left > 0) return;
        if (outcome === 'on') this.#prefixes = options.prefixes;
        done(outcome);
      });
    }
  }

  #dropMailbox(): void {
    if (this.#mailbox !== null) this.#client.context.dedicated.drop(this.#mailbox);
    this.#mailbox = null;
  }
}

function stateAfter(outcome: TrackingOutcome): 'on' | 'off' | 'failed' {
  if (outcome === 'on') return 'on';
  return outcome === 'lost' ? 'off' : 'failed';
}

/** `take` gets the reply without its line end, or null if there is none. */
function request(
  connection: BackendConnection,
  command: Buffer,
  take: (text: string | null) => void,
): void {
  if (!connection.request(new ReplyText(take), 1, false, command, 0, command.length)) take(null);
}
