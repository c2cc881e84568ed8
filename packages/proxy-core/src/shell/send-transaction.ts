import { encodeCommand } from '@undermoon/resp';
import type { Redirection } from '../core/redirection.ts';
import { errorReply, unreachableReply } from '../core/replies.ts';
import type { Transaction } from '../core/transaction.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { ExecCall, type ExecOwner } from './exec-call.ts';
import type { Client, Patience, Redirected } from './proxy-context.ts';
import { loadInto } from './script-loading.ts';
import { compressionOf } from './value-commands.ts';
import { written } from './written.ts';

const MULTI = encodeCommand(['MULTI']);
/** The answer to EXEC when values were queued in another form than the server's. */
export const REPLY_OTHER_COMPRESSION: Buffer = errorReply(
  'EXECABORT Transaction discarded because compression was switched on or off meanwhile.',
);
const EXEC = encodeCommand(['EXEC']);

/** Sends a transaction over a connection to the server of `group`. False: it is known to be unreachable. */
export function sendTransaction(
  client: Client,
  transaction: Transaction,
  group: BackendGroup,
  backend: BackendConnection,
): boolean {
  const owner = backend.options.isPeer ? new PeerExec(client, transaction, backend) : null;
  if (!send(client, transaction, { group, backend, owner })) return false;
  client.owe(backend);
  return true;
}

interface Way {
  readonly group: BackendGroup;
  readonly backend: BackendConnection;
  readonly owner: ExecOwner | null;
}

/** Whether a transaction goes over this connection in one piece: another proxy takes parts only for keys of one slot. */
export function isPacked(transaction: Transaction, { options }: BackendConnection): boolean {
  return options.isPeer && transaction.hasSeveralSlots;
}

function send(client: Client, transaction: Transaction, { group, backend, owner }: Way): boolean {
  for (const digest of transaction.scripts) loadInto(client, group, backend, digest);
  client.tracking?.announceCaching(backend);
  if (isPacked(transaction, backend)) {
    return request(
      backend,
      new ExecCall(client, transaction, 'packed', owner),
      1,
      transaction.packed,
    );
  }
  const call = new ExecCall(client, transaction, 'multi', owner);
  // Once the first is accepted the others are: nothing comes in between.
  if (!request(backend, call, 1, MULTI)) return false;
  if (transaction.forwardedCount > 0) {
    request(backend, call, transaction.forwardedCount, transaction.body);
  }
  request(backend, call, 1, EXEC);
  return true;
}

function request(
  backend: BackendConnection,
  call: ExecCall,
  count: number,
  bytes: Buffer,
): boolean {
  return backend.request(call, count, false, bytes, 0, bytes.length);
}

/** A transaction at another proxy. That executes all of it or, if it redirects any of it, nothing. */
class PeerExec implements Redirected, ExecOwner {
  readonly client: Client;
  readonly slots: Iterable<number>;
  patience: Patience;
  readonly owedBy: BackendConnection;
  readonly #transaction: Transaction;

  constructor(client: Client, transaction: Transaction, owedBy: BackendConnection) {
    this.client = client;
    this.slots = transaction.slots;
    this.patience = client.context.redirects.patienceOf(client);
    this.owedBy = owedBy;
    this.#transaction = transaction;
  }

  onRedirected(source: BackendConnection, redirection: Redirection): void {
    const { client } = this;
    // What was watched is at the server that has the slot no more.
    if (client.watching !== null) this.refuse(written(client, (writer) => writer.nullArray()));
    else if (!client.isClosed) client.context.redirects.follow(this, source.options, redirection);
  }

  onUnsent(): void {
    const { client } = this;
    const { redirects } = client.context;
    // It has waited for the server, not for proxies to agree.
    this.patience = redirects.patienceOf(client);
    if (client.watching === null) redirects.again(this);
    else this.refuse(written(client, (writer) => writer.nullArray()));
  }

  retry(group: BackendGroup): void {
    const backend = this.client.backendOf(group);
    const { compression, slot } = this.#transaction;
    const isStored = !backend.options.isPeer && compressionOf(this.client.context, slot) !== null;
    // Its values were queued as another proxy takes them.
    if (isStored && compression !== undefined) this.refuse(REPLY_OTHER_COMPRESSION);
    else if (!send(this.client, this.#transaction, { group, backend, owner: this })) {
      this.refuse(unreachableReply(group.address));
    }
  }

  refuse(reply: Buffer): void {
    this.client.onReplyBytes(this.owedBy, reply, 0, reply.length, 1);
    this.client.context.loop.output.flush();
  }
}
