import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import type { CancelTimer } from '@undermoon/runtime';
import { functionSources, joinedServers } from '../core/function-sources.ts';
import { EMPTY_TABLE, type RoutingTable } from '../core/routing-table.ts';
import type { ProxyOptions } from '../options.ts';
import type { BackendConnection } from './backend-connection.ts';
import { ReplyText } from './reply-text.ts';

/** The reply to FUNCTION DUMP when there are no functions is no longer than this. */
const EMPTY_DUMP_BYTES = 10;
/** A server that joins may be about to start, or to become a master. */
const ATTEMPTS_MAX = 30;

/**
 * Brings the functions of the cluster to a server that joins it without any. A server that has functions is left as
 * it is, and so is one that did not join just now: to keep functions alike everywhere is the clients' part.
 */
export class FunctionCopy {
  readonly #options: ProxyOptions;
  readonly #connect: (address: NodeAddress) => BackendConnection;
  #table = EMPTY_TABLE;
  /** Servers whose copy is under way, and what cancels their next attempt. */
  readonly #running = new Map<NodeAddress, CancelTimer>();

  /** `connect`: a connection for commands of the proxy's own, to a server beside it or to another proxy. */
  constructor(options: ProxyOptions, connect: (address: NodeAddress) => BackendConnection) {
    this.#options = options;
    this.#connect = connect;
  }

  onTable(table: RoutingTable): void {
    const joined = joinedServers(this.#table, table);
    this.#table = table;
    for (const [address, cancel] of this.#running) {
      if (table.localNodes.includes(address)) continue;
      cancel();
      this.#running.delete(address);
    }
    // Not at once: it may have to become a master first.
    for (const address of joined) this.#lookLater(address, 1);
  }

  destroy(): void {
    for (const cancel of this.#running.values()) cancel();
    this.#running.clear();
  }

  #look(server: NodeAddress, attempt: number): void {
    this.#ask(server, ['FUNCTION', 'LIST'], (reply) => {
      if (!this.#running.has(server)) return;
      if (reply === '*0') {
        const sources = functionSources(this.#table, server, this.#running);
        this.#copyFrom(server, sources, attempt);
      } else if (reply === null) this.#retry(server, attempt);
      // It has functions, or does not know of such.
      else this.#running.delete(server);
    });
  }

  #copyFrom(server: NodeAddress, sources: readonly NodeAddress[], attempt: number): void {
    const [source, ...others] = sources;
    if (source === undefined) {
      this.#running.delete(server);
      return;
    }
    this.#ask(source, ['FUNCTION', 'DUMP'], (reply) => {
      if (!this.#running.has(server)) return;
      const payload = reply === null ? null : payloadOf(reply);
      const isLast = others.length === 0;
      if (payload !== null) this.#restore(server, payload, source, attempt);
      else if (reply === null && isLast) this.#retry(server, attempt);
      else this.#copyFrom(server, others, attempt);
    });
  }

  #restore(server: NodeAddress, payload: Buffer, source: NodeAddress, attempt: number): void {
    // APPEND replaces nothing: it fails if there is a library of the same name by now.
    this.#ask(server, ['FUNCTION', 'RESTORE', payload, 'APPEND'], (reply) => {
      if (!this.#running.has(server)) return;
      if (reply === '+OK') {
        this.#running.delete(server);
        this.#options.logger.info({ server, source }, 'functions copied to a server that joined');
      } else this.#retry(server, attempt);
    });
  }

  #retry(server: NodeAddress, attempt: number): void {
    if (attempt < ATTEMPTS_MAX) {
      this.#lookLater(server, attempt + 1);
      return;
    }
    this.#running.delete(server);
    this.#options.logger.warn({ server }, 'functions could not be copied to a server that joined');
  }

  #lookLater(server: NodeAddress, attempt: number): void {
    const { clock, replicationCheckIntervalMs } = this.#options;
    const cancel = clock.after(replicationCheckIntervalMs, () => this.#look(server, attempt));
    this.#running.set(server, cancel);
  }

  /** `take` gets null when there is no answer. */
  #ask(
    address: NodeAddress,
    words: readonly (string | Uint8Array)[],
    take: (reply: string | null) => void,
  ): void {
    const command = encodeCommand(words);
    const connection = this.#connect(address);
    const sink = new ReplyText(take);
    if (!connection.request(sink, 1, false, command, 0, command.length)) take(null);
  }
}

/** What FUNCTION DUMP returned; null: no functions, none that came whole, or an error. */
function payloadOf(reply: string): Buffer | null {
  const start = reply.indexOf('\r\n') + 2;
  const length = Number(reply.slice(1, start));
  const isWhole = reply.startsWith('$') && reply.length - start === length;
  return isWhole && length > EMPTY_DUMP_BYTES ? Buffer.from(reply.slice(start), 'latin1') : null;
}
