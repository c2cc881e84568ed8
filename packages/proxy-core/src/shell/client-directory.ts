import { type ClientFilter, isWanted } from '../core/client-filter.ts';
import { type ClientFacts, renderClient } from '../core/client-line.ts';
import { portAddressOf } from '../core/port-addresses.ts';
import type { ClientLine } from '../core/loop-question.ts';
import { DETOUR } from '../core/session.ts';
import type { Client, ClientDirectory, OutputReader } from './proxy-context.ts';

/** What CLIENT PAUSE asks for. */
interface ClientPause {
  /** False: commands that write only. */
  readonly isForAll: boolean;
  /** Monotonic milliseconds. */
  readonly untilMs: number;
}

/** When a client has said nothing for too long, or is too slow to take its output. */
export interface ClientLimits {
  /** 0: it may be silent for ever. */
  readonly sessionTimeoutMs: number;
  readonly outputSoftBytes: number;
  readonly outputSoftMs: number;
  /** Closes it. */
  onSlow(client: OutputReader): void;
}

/** The clients of one loop, for commands of one client about the others. */
export class LoopClients implements ClientDirectory {
  /**
   * In no order. Not a Map: one that grows and shrinks all the time leaves its old tables, each with the clients of
   * its time and a reference to the next one, and what is referenced from old memory outlives scavenges.
   */
  readonly #clients: Client[] = [];
  /** Clients whose command waits for the end of the pause. */
  readonly #held = new Set<Client>();
  #pause: ClientPause | null = null;
  /** Since when the output of a client is above the soft limit. */
  readonly #slow = new Map<OutputReader, number>();
  readonly #limits: ClientLimits;
  /** CONFIG SET changes it. */
  sessionTimeoutMs: number;
  #nowMs = 0;

  constructor(limits: ClientLimits) {
    this.#limits = limits;
    this.sessionTimeoutMs = limits.sessionTimeoutMs;
  }

  get count(): number {
    return this.#clients.length;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  add(client: Client): void {
    client.place = this.#clients.push(client) - 1;
    if (this.#pause !== null) client.session.detours |= DETOUR.PAUSE;
  }

  delete(client: Client): void {
    this.#remove(client);
    this.#held.delete(client);
    this.#slow.delete(client);
  }

  /** In no order. Each may be deleted while it is at hand. */
  *all(): Generator<Client, void> {
    // Backwards: the place of one that goes is taken by one that was at hand before.
    for (let place = this.#clients.length - 1; place >= 0; place--) {
      const client = this.#clients[place];
      if (client !== undefined) yield client;
    }
  }

  // Cold path: of all clients there are, but only when somebody asks for one.
  find(id: number): Client | undefined {
    return this.#clients.find(({ session }) => session.id === id);
  }

  /** The lines of CLIENT LIST. `asker`: the number of the client that asks. */
  list(filter: ClientFilter, asker: number): ClientLine[] {
    const lines: ClientLine[] = [];
    const ids = filter.ids === null ? null : new Set(filter.ids);
    for (const client of this.#clients) {
      const { id } = client.session;
      if (ids?.has(id) === false) continue;
      const facts = factsOf(client, id === asker ? 'client|list' : null);
      if (isWanted(filter, facts)) lines.push({ id, line: renderClient(facts) });
    }
    return lines;
  }

  /** Closes clients, but not the one that asks. Returns how many there are, with that one if it is among them. */
  kill(filter: ClientFilter, asker: number): { count: number; isAskerIn: boolean } {
    let count = 0;
    let isAskerIn = false;
    for (const client of this.all()) {
      if (!isWanted(filter, factsOf(client, null))) continue;
      if (client.session.id === asker) {
        if (filter.skipsAsker) continue;
        isAskerIn = true;
      } else client.destroy();
      count++;
    }
    return { count, isAskerIn };
  }

  pause(pause: ClientPause): void {
    const before = this.#pause;
    // As in Redis, a pause is neither shortened nor weakened by another one.
    this.#pause = {
      isForAll: pause.isForAll || before?.isForAll === true,
      untilMs: Math.max(pause.untilMs, before?.untilMs ?? 0),
    };
    for (const { session } of this.#clients) session.detours |= DETOUR.PAUSE;
  }

  unpause(): void {
    this.#pause = null;
    for (const { session } of this.#clients) session.detours &= ~DETOUR.PAUSE;
    const held = [...this.#held];
    this.#held.clear();
    for (const client of held) {
      client.release();
      client.context.loop.output.flush();
    }
  }

  holdIfPaused(client: Client, isWrite: boolean, action: () => void): boolean {
    if (this.#pause === null || (!isWrite && !this.#pause.isForAll)) return false;
    this.#held.add(client);
    client.hold(action);
    return true;
  }

  watchOutput(client: OutputReader): void {
    if (!this.#slow.has(client)) this.#slow.set(client, this.#nowMs);
  }

  #remove(client: Client): void {
    const { place } = client;
    if (this.#clients[place] !== client) return;
    const last = this.#clients.pop();
    if (last === undefined || last === client) return;
    this.#clients[place] = last;
    last.place = place;
  }

  /** Called by the coarse timer. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const [client, sinceMs] of this.#slow) {
      if (client.outputBytes <= this.#limits.outputSoftBytes) this.#slow.delete(client);
      else if (nowMs - sinceMs >= this.#limits.outputSoftMs) this.#limits.onSlow(client);
    }
    if (this.#pause !== null && nowMs >= this.#pause.untilMs) this.unpause();
  }
}

/** What CLIENT LIST and CLIENT INFO tell of a client. */
export function factsOf(client: Client, command: string | null): ClientFacts {
  const { session, context } = client;
  const { transaction, subscriptions } = session;
  const nowMs = context.clock.monotonicMs();
  return {
    id: session.id,
    address: client.peer,
    localAddress: portAddressOf(context.addresses, session.port),
    name: session.name,
    ageSeconds: Math.floor((nowMs - session.createdMs) / 1000),
    idleSeconds: Math.floor((context.loop.watchedMs - client.activeMs) / 1000),
    channelCount: subscriptions?.channel.size ?? 0,
    patternCount: subscriptions?.pattern.size ?? 0,
    shardChannelCount: subscriptions?.shard.size ?? 0,
    isInTransaction: transaction !== null,
    queuedCommands: transaction?.count ?? 0,
    queuedBytes: transaction?.byteLength ?? 0,
    isBlocked: client.blocked !== null || client.isHeld,
    tracking: trackingFactsOf(client),
    isWatchBroken: client.watching?.isBroken === true,
    isMonitor: session.isMonitor,
    isReadonly: session.isReadonly,
    isNoEvict: session.isNoEvict,
    isNoTouch: session.isNoTouch,
    inputBytes: client.inputBytes,
    outputBytes: client.outputBytes,
    command,
    protocol: session.protocol,
    libraryName: session.libraryName,
    libraryVersion: session.libraryVersion,
  };
}

function trackingFactsOf({ tracking }: Client): ClientFacts['tracking'] {
  if (tracking === null) return null;
  const { redirect, isBroadcast } = tracking.options;
  return { redirect, isBroadcast, isRedirectBroken: tracking.isRedirectBroken };
}
