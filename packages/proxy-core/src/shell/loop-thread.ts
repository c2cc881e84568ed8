import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import type { Logger } from '@undermoon/runtime';
import { NO_DEDICATED, NO_PUBSUB } from '../core/info.ts';
import type { PortKind } from '../core/connection-label.ts';
import type { LoopAnswer, LoopQuestion } from '../core/loop-question.ts';
import { type HandleSender, openHandleChannel } from './handle-channel.ts';
import {
  type GateMessage,
  isLoopReport,
  type LoopAsk,
  type LoopBoot,
  type LoopOrder,
  type LoopReport,
  type LoopStats,
} from './loop-messages.ts';
import type { Departure } from './departure.ts';
import type { AcceptedConnection, TransportFactory } from './transport.ts';
import { isSendingWorking } from './trial-echo.ts';

// Ends what hangs: a thread that fails says so itself, and one that is slow on a busy machine is worth waiting for, since
// without it the process has one loop for as long as it runs.
const START_TIMEOUT_MS = 60_000;

/** The file that a thread starts with: beside this code, in the form that this code has. */
export const LOOP_WORKER: URL = new URL(
  import.meta.url.endsWith('.ts') ? '../loop-worker.ts' : './loop-worker.js',
  import.meta.url,
);

/** What a thread reports. */
export interface LoopThreadEvents {
  onAsk(thread: LoopThread, ask: LoopAsk): void;
  /** A command of one of its clients concerns every loop. */
  onQuestion(thread: LoopThread, ask: number, question: LoopQuestion): void;
  /** It answers question `number` of `LoopQuestions`. */
  onAnswered(number: number, answer: LoopAnswer): void;
  onHeld(thread: LoopThread, generation: number): void;
  /** It ended without being told to. */
  onDeath(thread: LoopThread, error: Error): void;
}

export interface LoopThreadPlan {
  /** From 1; the control loop is 0. */
  readonly index: number;
  readonly file: URL;
  readonly boot: Omit<LoopBoot, 'connectionsFd' | 'gatePort'>;
  /** Of the loop that accepts. */
  readonly transports: TransportFactory;
  readonly events: LoopThreadEvents;
  readonly logger: Logger;
}

/** An event loop in a thread of its own, as the control loop sees it. */
export class LoopThread {
  readonly index: number;
  /** How its connections to the Redis servers were a moment ago. */
  stats: LoopStats = { backends: [], dedicated: NO_DEDICATED, pubsub: NO_PUBSUB };
  /** Connections given to it, as far as they arrived. */
  connectionsSent = 0;
  readonly #plan: LoopThreadPlan;
  readonly #worker: Worker;
  readonly #sender: HandleSender;
  readonly #gatePort: MessagePort;
  /** It serves clients, so its end is the end of the proxy. */
  #isServing = false;
  #settleStart: (failure: string) => void = () => undefined;

  private constructor(plan: LoopThreadPlan, sender: HandleSender) {
    const { port1, port2 } = new MessageChannel();
    const boot: LoopBoot = { ...plan.boot, connectionsFd: sender.receiverFd, gatePort: port2 };
    const transferList: Transferable[] = [port2];
    this.index = plan.index;
    this.#plan = plan;
    this.#sender = sender;
    this.#gatePort = port1;
    this.#worker = new Worker(plan.file, {
      workerData: boot,
      transferList,
      name: `undermoon-loop-${plan.index}`,
    });
  }

  /** Starts a thread and tries it out. Null, with a reason in the log, where it does not work. */
  static async start(plan: LoopThreadPlan): Promise<LoopThread | null> {
    const sender = await openHandleChannel();
    if (sender === null) {
      plan.logger.warn({}, 'connections cannot be passed between threads');
      return null;
    }
    const thread = new LoopThread(plan, sender);
    const failure = await thread.#started();
    if (failure === '') {
      const send = (connection: AcceptedConnection): void => {
        sender.send(connection, { kind: 'trial', id: 0 }, () => undefined);
      };
      thread.#isServing = await isSendingWorking(plan.transports, send);
      if (thread.#isServing) return thread;
    }
    plan.logger.warn({ reason: failure || 'a trial failed' }, 'a thread cannot serve connections');
    await thread.end();
    return null;
  }

  /** Gives it a new connection to serve. */
  serve(connection: AcceptedConnection, port: PortKind, id: number): void {
    this.connectionsSent++;
    this.#sender.send(connection, { kind: port, id }, () => {
      this.connectionsSent--;
    });
  }

  /** Gives it a client of the control loop; `connectionsSent` counts the client already. */
  adopt({ connection, ...client }: Departure): void {
    this.tellGate({ kind: 'arrival', client });
    this.#sender.send(connection, { kind: 'arrival', id: client.id }, () => {
      this.connectionsSent--;
      this.tellGate({ kind: 'lost', id: client.id });
    });
  }

  tellGate(message: GateMessage): void {
    this.#gatePort.postMessage(message);
  }

  order(order: LoopOrder): void {
    this.#worker.postMessage(order);
  }

  /** Ends the thread with all its connections, also those on their way. */
  async end(): Promise<void> {
    this.#isServing = false;
    this.#sender.close();
    this.#gatePort.close();
    await this.#worker.terminate();
  }

  /** Empty: it is ready. Otherwise why it is not. */
  #started(): Promise<string> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('it did not start in time'), START_TIMEOUT_MS);
      this.#settleStart = (failure) => {
        clearTimeout(timer);
        resolve(failure);
      };
      this.#worker.on('message', (report: unknown) => {
        if (isLoopReport(report)) this.#onReport(report);
      });
      let failure = new Error('the thread ended');
      this.#worker.on('error', (error) => {
        failure = error instanceof Error ? error : new Error(String(error));
      });
      this.#worker.on('exit', () => {
        this.#settleStart(failure.message);
        if (this.#isServing) this.#plan.events.onDeath(this, failure);
      });
    });
  }

  #onReport(report: LoopReport): void {
    const { events, logger } = this.#plan;
    switch (report.kind) {
      case 'ready':
        this.#settleStart('');
        break;
      case 'unfit':
        this.#settleStart(report.reason);
        break;
      case 'held':
        events.onHeld(this, report.generation);
        break;
      case 'ask':
        events.onAsk(this, report);
        break;
      case 'question':
        events.onQuestion(this, report.ask, report.question);
        break;
      case 'answered':
        events.onAnswered(report.number, report.answer);
        break;
      case 'stats':
        this.stats = report;
        break;
      case 'log':
        logger[report.level](report.fields, report.message);
        break;
    }
  }
}
