import type { PortKind } from './connection-label.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Transaction } from './transaction.ts';

/** Why commands of a session need a closer look than the fast path takes: bits of `Session.detours`. */
export const DETOUR = {
  /** The password was not given yet. */
  PASSWORD: 1,
  /** Commands are queued for EXEC. */
  TRANSACTION: 2,
  /** Keys are watched: commands for their server go over the connection that watches them. */
  WATCH: 4,
  /** The reply to the next command is not wanted. */
  SKIP: 8,
  /** CLIENT PAUSE: some commands have to wait. */
  PAUSE: 16,
  /** In protocol 2 a client with subscriptions may do little else. */
  SUBSCRIBER: 32,
  /** Reads may go to copies, writes may not. */
  READONLY: 64,
  /** CLIENT CACHING was said about the next command. */
  CACHING: 128,
} as const;

/** What of a session goes along when its client moves to another event loop. */
export interface SessionFacts {
  readonly protocol: 2 | 3;
  readonly isReadonly: boolean;
  readonly isRedirected: boolean;
  readonly isNoEvict: boolean;
  readonly isNoTouch: boolean;
  readonly name: string;
  readonly libraryName: string;
  readonly libraryVersion: string;
}

/** Protocol state of one client: what commands change and later commands depend on. */
export class Session {
  readonly id: number;
  /** Spreads the sessions of a loop over its connections to a server. */
  readonly lane: number;
  readonly createdMs: number;
  /** Where its client connected. */
  readonly port: PortKind;
  protocol: 2 | 3 = 2;
  /** Bits of `DETOUR`. 0: a command for one local server is forwarded without a further look. */
  detours: number;
  isReadonly = false;
  isNoEvict = false;
  isNoTouch = false;
  /** Open between MULTI and EXEC. */
  transaction: Transaction | null = null;
  /** Null: none. Whoever changes them calls `noteSubscriptions`. */
  subscriptions: Subscriptions | null = null;
  /** Another proxy, which subscribes to what is published at the servers of this one. */
  isPeerLink = false;
  /** Another proxy, which is told where keys are even where clients never are. */
  isRedirected = false;
  /** It gets the commands of all clients. */
  isMonitor = false;
  name = '';
  libraryName = '';
  libraryVersion = '';
  readonly #needsPassword: boolean;

  constructor(options: {
    readonly id: number;
    readonly lane: number;
    readonly createdMs: number;
    readonly port: PortKind;
    readonly needsPassword: boolean;
  }) {
    this.id = options.id;
    this.lane = options.lane;
    this.createdMs = options.createdMs;
    this.port = options.port;
    this.#needsPassword = options.needsPassword;
    this.detours = options.needsPassword ? DETOUR.PASSWORD : 0;
  }

  get isAuthenticated(): boolean {
    return (this.detours & DETOUR.PASSWORD) === 0;
  }

  logIn(): void {
    this.detours &= ~DETOUR.PASSWORD;
  }

  /** MULTI. */
  beginTransaction(transaction: Transaction): void {
    this.transaction = transaction;
    this.detours |= DETOUR.TRANSACTION;
  }

  /** EXEC, DISCARD, RESET. */
  endTransaction(): void {
    this.transaction = null;
    this.detours &= ~DETOUR.TRANSACTION;
  }

  /** The subscriptions, or the protocol, have changed. */
  noteSubscriptions(): void {
    if (this.subscriptions?.count === 0) this.subscriptions = null;
    if (this.subscriptions !== null && this.protocol === 2) this.detours |= DETOUR.SUBSCRIBER;
    else this.detours &= ~DETOUR.SUBSCRIBER;
  }

  /** Only commands about subscriptions are allowed. */
  get isSubscriberOnly(): boolean {
    return (this.detours & DETOUR.SUBSCRIBER) !== 0;
  }

  /** Whether it can go to another event loop: nothing but what `facts` tells sets it apart. */
  get isPlain(): boolean {
    const isOrdinary = (this.detours & ~DETOUR.READONLY) === 0 && !this.isPeerLink;
    return isOrdinary && !this.isMonitor && this.subscriptions === null;
  }

  /** Of a session that `isPlain`. */
  facts(): SessionFacts {
    const { protocol, isReadonly, isRedirected, isNoEvict, isNoTouch } = this;
    const { name, libraryName, libraryVersion } = this;
    const modes = { protocol, isReadonly, isRedirected, isNoEvict, isNoTouch };
    return { ...modes, name, libraryName, libraryVersion };
  }

  /** Makes a new session what another one was. */
  restore(facts: SessionFacts): void {
    this.logIn();
    Object.assign(this, facts);
    if (facts.isReadonly) this.detours |= DETOUR.READONLY;
  }

  /** RESET: back to the state right after connecting. Its subscriptions are gone by then. */
  reset(): void {
    this.endTransaction();
    this.protocol = 2;
    if (this.#needsPassword) this.detours |= DETOUR.PASSWORD;
    this.detours &= ~DETOUR.SKIP;
    this.isNoEvict = false;
    this.isNoTouch = false;
    this.isMonitor = false;
    this.name = '';
    this.isPeerLink = false;
  }
}
