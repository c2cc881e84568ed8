import { isNamed, type Redirection } from '../core/redirection.ts';
import { errorReply, execAbortReply, REPLY_TRANSACTION_APART } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import { PeerReplies } from './followed-replies.ts';
import type {
  Client,
  KeepingSink,
  Patience,
  ProxyContext,
  RedirectDesk,
  Redirected,
  Repeated,
} from './proxy-context.ts';
import { areTogether, isAnyHeld } from './shard-slots.ts';
import { slotRefusal } from './slot-refusal.ts';

/** Redirections that are followed at once; then a command waits for the tables to agree. */
const HOPS_MAX = 3;

/**
 * Follows redirections for plain clients, and of parts of split commands, so that no client sees one: to the proxy that is named, if this proxy knows it, and
 * otherwise, or when proxies send a command around, by this proxy's own table at its next change or a moment later.
 */
export class Redirects implements RedirectDesk {
  keptBytes = 0;
  readonly #replies = new WeakMap<Client, PeerReplies>();
  #waiting: Redirected[] = [];
  #repeated: Repeated[] = [];

  repliesOf(client: Client, backend: BackendConnection): KeepingSink {
    let replies = this.#replies.get(client);
    if (replies === undefined) this.#replies.set(client, (replies = new PeerReplies(client)));
    return replies.of(backend);
  }

  patienceOf({ context }: Client): Patience {
    return { untilMs: context.loop.watchedMs + context.options.redirectTimeoutMs, hops: 0 };
  }

  follow(redirected: Redirected, source: { readonly address: string }, to: Redirection): void {
    const { client, patience } = redirected;
    const { groups, table } = followedBy(client);
    const group = groups.find(
      ({ address }, i) =>
        i >= table.peerStart && address !== source.address && isNamed(to, address),
    );
    if (group === undefined || patience.hops >= HOPS_MAX) this.#waiting.push(redirected);
    else {
      patience.hops++;
      redirected.retry(group);
    }
  }

  repeat(repeated: Repeated): void {
    this.#repeated.push(repeated);
  }

  wake(): void {
    if (this.#repeated.length > 0) this.#askAgain();
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const redirected of waiting) {
      if (!redirected.client.isClosed) this.again(redirected);
    }
  }

  again(redirected: Redirected): void {
    const { client, patience } = redirected;
    const context = followedBy(client);
    const { slots, groups, loop, options } = context;
    const [slot = 0] = redirected.slots;
    const group = groups[slots[slot] ?? -1];
    if (loop.watchedMs >= patience.untilMs) {
      const time = `within ${options.redirectTimeoutMs} ms (redirect_timeout_ms)`;
      redirected.refuse(errorReply(`CLUSTERDOWN no proxy served slot ${slot} ${time}`));
    } else if (isAnyHeld(context, redirected.slots)) this.#waiting.push(redirected);
    else if (!areTogether(context, redirected.slots)) {
      redirected.refuse(execAbortReply(REPLY_TRANSACTION_APART));
    } else if (group === undefined) {
      const refusal = slotRefusal(context, slot, true);
      if (refusal !== null) redirected.refuse(refusal);
    } else {
      patience.hops = 0;
      redirected.retry(group);
    }
  }

  #askAgain(): void {
    const repeated = this.#repeated;
    this.#repeated = [];
    for (const one of repeated) {
      const { isClosed, context } = one.client;
      if (isClosed) continue;
      if (context.loop.watchedMs >= one.patience.untilMs) one.giveUp();
      else one.again();
    }
  }
}

/** Where the other proxies are servers. Clients of the cluster port have only parts of commands followed. */
function followedBy({ context }: Client): ProxyContext {
  return context.splitBy ?? context;
}
