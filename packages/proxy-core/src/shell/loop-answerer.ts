import { DONE, type LoopAnswer, type LoopQuestion } from '../core/loop-question.ts';
import type { LoopClients } from './client-directory.ts';
import { invalidationFor } from '../core/invalidation.ts';
import { answerDenied } from './acl-log.ts';
import { answerMonitors } from './monitor-answer.ts';
import type { AllLoops, Client, ProxyContext } from './proxy-context.ts';
import { answerLatency } from './latency-answer.ts';
import { answerSlowLog } from './slow-log-answer.ts';
import { forgetScripts, noteLoaded } from './script-broadcast.ts';

/** Answers for one loop what a command wants of every loop. As `AllLoops` it is a proxy's only loop. */
export class LoopAnswerer implements AllLoops {
  readonly #clients: LoopClients;
  readonly #contextOf: () => ProxyContext;

  /** `contextOf`: one that knows every server of the loop. */
  constructor(clients: LoopClients, contextOf: () => ProxyContext) {
    this.#clients = clients;
    this.#contextOf = contextOf;
  }

  ask(question: LoopQuestion, take: (answer: LoopAnswer) => void): void {
    const context = this.#contextOf();
    switch (question.kind) {
      case 'list':
        take({ ...DONE, lines: this.#clients.list(question.filter, question.asker) });
        break;
      case 'kill':
        take({ ...DONE, ...this.#clients.kill(question.filter, question.asker) });
        break;
      case 'pause':
      case 'unpause':
        take(pause(this.#clients, context.clock.monotonicMs(), question));
        break;
      case 'unblock':
        unblock(this.#clients.find(question.client), question.reason, take);
        break;
      case 'invalidate': {
        const client = this.#clients.find(question.client);
        if (client !== undefined) tellKeys(client, question.payload);
        take({ ...DONE, count: client === undefined ? 0 : 1 });
        break;
      }
      case 'script-loaded':
        noteLoaded(context, question.digest, Buffer.from(question.body));
        take(DONE);
        break;
      case 'script-body': {
        const body = context.scripts.bodyOf(question.digest);
        // A small Buffer is a part of a larger one, all of which would travel.
        take({ ...DONE, body: body === null ? null : new Uint8Array(body) });
        break;
      }
      case 'monitors':
      case 'monitored':
        take(answerMonitors(context, question));
        break;
      case 'slow-log':
      case 'slow-log-clear':
      case 'slow-log-change':
        take(answerSlowLog(context, question));
        break;
      case 'session-timeout':
        this.#clients.sessionTimeoutMs = question.timeoutMs;
        take(DONE);
        break;
      case 'backend-timeout':
        context.replyTimeout.ms = question.timeoutMs;
        take(DONE);
        break;
      case 'latency':
      case 'latency-reset':
      case 'latency-change':
        take(answerLatency(context.loop.latency, question));
        break;
      case 'denied':
      case 'denied-clear':
      case 'denied-change':
        take(answerDenied(context, question));
        break;
      case 'scripts-flushed':
        forgetScripts(context);
        take(DONE);
        break;
      case 'topics':
      case 'subscribers':
        take(answerTopics(context, question));
        break;
    }
  }
}

function pause(
  clients: LoopClients,
  nowMs: number,
  question: Extract<LoopQuestion, { kind: 'pause' | 'unpause' }>,
): LoopAnswer {
  if (question.kind === 'unpause') clients.unpause();
  else clients.pause({ isForAll: question.isForAll, untilMs: nowMs + question.forMs });
  return DONE;
}

function answerTopics(
  { pubsub: { book } }: ProxyContext,
  question: Extract<LoopQuestion, { kind: 'topics' | 'subscribers' }>,
): LoopAnswer {
  if (question.kind === 'topics') {
    return { ...DONE, topics: book.shownNames(question.of, question.pattern) };
  }
  return { ...DONE, counts: question.names.map((name) => book.memberCount(question.of, name)) };
}

function unblock(
  client: Client | undefined,
  reason: 'TIMEOUT' | 'ERROR',
  take: (answer: LoopAnswer) => void,
): void {
  const blocked = client?.blocked ?? null;
  if (blocked === null) take(DONE);
  else blocked.unblock(reason, (isEnded) => take({ ...DONE, count: isEnded ? 1 : 0 }));
}

function tellKeys(client: Client, payload: Uint8Array): void {
  const { protocol, subscriptions } = client.session;
  const frame = invalidationFor(payload, { protocol, isSubscriber: subscriptions !== null });
  if (frame !== null) client.push(frame);
}
