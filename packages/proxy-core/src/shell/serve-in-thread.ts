import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { LogFields, Logger } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import type { ConnectionLabel } from '../core/connection-label.ts';
import type { ProxyOptions } from '../options.ts';
import { chooseTransports } from './choose-transports.ts';
import { DataLoop } from './data-loop.ts';
import { Gate } from './gate.ts';
import { receiveHandles } from './handle-channel.ts';
import {
  type Arrival,
  isGateMessage,
  isLoopOrder,
  type LoopBoot,
  type LoopOrder,
  type LoopReport,
  takeTable,
} from './loop-messages.ts';
import { CLIENTS_CLOSED } from './loop-counters.ts';
import { QuestionQueue } from './question-queue.ts';
import { RemoteQuestions } from './loop-questions.ts';
import { RemoteDesk } from './remote-desk.ts';
import { ServingLoop } from './serving-loop.ts';
import type { AcceptedConnection } from './transport.ts';
import { echoTrial } from './trial-echo.ts';
import { warmUp, warmUpSwap } from './warm-up.ts';

const REPORT_MS = 100;

/** Serves the clients of one event loop of a proxy, in a thread of its own, until the thread is ended. */
export async function serveInThread(port: MessagePort, boot: LoopBoot): Promise<void> {
  const report = (message: LoopReport): void => port.postMessage(message);
  const options = {
    ...boot.options,
    clock: systemClock,
    logger: loggerTo(report),
    onShutdown: null,
    onFailure: null,
  };
  const loop = new DataLoop(options);
  warmUp(loop);
  loop.transports = await chooseTransports('raw-handle', loop.arena);
  if (loop.transports.kind !== 'raw-handle') {
    report({ kind: 'unfit', reason: 'handles of sockets cannot be used' });
    return;
  }
  const desk = new RemoteDesk(port);
  const questions = new RemoteQuestions((ask, question) => {
    report({ kind: 'question', ask, question });
  });
  const served = new ThreadLoop(boot, { options, loop, desk, questions, report });
  boot.gatePort.on('message', (message: unknown) => served.onGateMessage(message));
  port.on('message', (order: unknown) => {
    if (!isLoopOrder(order)) return;
    if (order.kind === 'answer') desk.onAnswer(order.ask, order.bytes);
    else if (order.kind === 'answers') questions.onAnswers(order.ask, order.answer);
    else served.obey(order);
  });
  const receiver = receiveHandles(boot.connectionsFd, (connection, label) => {
    if (connection === null) served.onLost(label);
    else if (label.kind === 'trial') echoTrial(loop.transports, connection);
    else served.take(connection, label.kind, label.id);
  });
  if (receiver === null) {
    report({ kind: 'unfit', reason: 'connections cannot be received' });
    return;
  }
  warmUpSwap(served.serving);
  reportStats(served.serving, report);
  report({ kind: 'ready' });
}

/** What a loop in a thread is told, and what it does about it. */
class ThreadLoop {
  readonly serving: ServingLoop;
  readonly #boot: LoopBoot;
  readonly #gate: Gate;
  readonly #report: (message: LoopReport) => void;
  /** Clients whose connection is on its way. */
  readonly #arrivals = new Map<number, Arrival>();
  readonly #questions: QuestionQueue;
  #isDraining = false;

  constructor(
    boot: LoopBoot,
    parts: {
      readonly options: ProxyOptions;
      readonly loop: DataLoop;
      readonly desk: RemoteDesk;
      readonly questions: RemoteQuestions;
      readonly report: (message: LoopReport) => void;
    },
  ) {
    const { options, loop, desk, questions } = parts;
    this.#boot = boot;
    this.#report = parts.report;
    this.#gate = new Gate(boot.gateWord, () => this.#drainGate());
    this.serving = new ServingLoop({
      options,
      addresses: { ...options, plainAddress: null, replicaAddress: null },
      loop,
      desk,
      loops: questions,
      gate: this.#gate,
      counters: boot.counters,
      logger: options.logger,
      loopCount: options.threads,
      loopIndex: boot.loopIndex,
    });
    this.#questions = new QuestionQueue((number, question) => {
      this.serving.answers.ask(question, (answer) => {
        this.#report({ kind: 'answered', number, answer });
      });
    });
  }

  onGateMessage(message: unknown): void {
    if (!isGateMessage(message)) return;
    switch (message.kind) {
      case 'arrival':
        this.#arrivals.set(message.client.id, message.client);
        break;
      case 'lost':
        this.#arrived(message.id);
        break;
      case 'hold':
        this.#gate.seen = message.number;
        this.serving.holdSlots(message.slots);
        this.#report({ kind: 'held', generation: message.generation });
        break;
      case 'commit':
        this.#gate.seen = message.number;
        this.serving.useTable(takeTable(message.table));
        this.serving.release();
        break;
    }
  }

  obey(order: Exclude<LoopOrder, { kind: 'answer' } | { kind: 'answers' }>): void {
    switch (order.kind) {
      case 'listening':
        this.serving.listensAt(order);
        break;
      case 'drain':
        this.#isDraining = true;
        this.serving.endClients();
        break;
      case 'question':
        this.#drainGate();
        this.#questions.add(order.number, order.question, this.#arrivals.keys());
        break;
    }
  }

  take(
    connection: AcceptedConnection,
    kind: Exclude<ConnectionLabel['kind'], 'trial'>,
    id: number,
  ): void {
    if (kind !== 'arrival' && !this.#isDraining) {
      this.serving.accept(connection, kind, id);
      return;
    }
    // A client was announced before its connection was sent.
    this.#drainGate();
    const arrival = kind === 'arrival' ? this.#arrivals.get(id) : undefined;
    if (arrival === undefined) {
      const { counters } = this.#boot;
      this.serving.turnAway(connection);
      counters[CLIENTS_CLOSED] = (counters[CLIENTS_CLOSED] ?? 0) + 1;
      return;
    }
    this.serving.adopt(connection, arrival);
    if (this.#isDraining) this.serving.endClients();
    this.#arrived(arrival.id);
  }

  /** A connection did not arrive: this process has too many descriptors. Its client sees it closed. */
  onLost({ kind, id }: ConnectionLabel): void {
    if (kind === 'trial') return;
    const { counters } = this.#boot;
    counters[CLIENTS_CLOSED] = (counters[CLIENTS_CLOSED] ?? 0) + 1;
    if (kind !== 'arrival') return;
    // It was announced before it was sent.
    this.#drainGate();
    this.#arrived(id);
  }

  #arrived(id: number): void {
    this.#arrivals.delete(id);
    this.#questions.onArrival(id);
  }

  #drainGate(): void {
    const { gatePort } = this.#boot;
    for (let next = receiveMessageOnPort(gatePort); next !== undefined;) {
      this.onGateMessage(next.message);
      next = receiveMessageOnPort(gatePort);
    }
  }
}

/** Says now and then how the connections to the Redis servers are, for INFO. */
function reportStats(serving: ServingLoop, report: (message: LoopReport) => void): void {
  let last = '';
  setInterval(() => {
    const stats = {
      backends: serving.backendStats(),
      dedicated: serving.dedicatedStats(),
      pubsub: serving.pubsubStats(),
    };
    const text = JSON.stringify(stats);
    if (text === last) return;
    last = text;
    report({ kind: 'stats', ...stats });
  }, REPORT_MS);
}

/** A logger whose lines are written by the control loop. */
function loggerTo(report: (message: LoopReport) => void): Logger {
  const level = (name: 'debug' | 'info' | 'warn' | 'error') => {
    return (fields: LogFields, message: string): void => {
      report({ kind: 'log', level: name, fields, message });
    };
  };
  return {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
  };
}
