import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { LogFields, Logger } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { chooseTransports } from './choose-transports.ts';
import { DataLoop } from './data-loop.ts';
import { Gate } from './gate.ts';
import { receiveHandles } from './handle-channel.ts';
import {
  type GateMessage,
  isGateMessage,
  isLoopOrder,
  type LoopBoot,
  type LoopReport,
  takeTable,
} from './loop-messages.ts';
import { CLIENTS_CLOSED } from './loop-counters.ts';
import { RemoteDesk } from './remote-desk.ts';
import { ServingLoop } from './serving-loop.ts';
import { echoTrial, TRIAL_ID } from './trial-echo.ts';
import { warmUp } from './warm-up.ts';

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
  warmUp(loop.scanner);
  loop.transports = await chooseTransports('raw-handle', loop.arena);
  if (loop.transports.kind !== 'raw-handle') {
    report({ kind: 'unfit', reason: 'handles of sockets cannot be used' });
    return;
  }
  const desk = new RemoteDesk(port);
  const gate: Gate = new Gate(boot.gateWord, () => {
    for (let next = receiveMessageOnPort(boot.gatePort); next !== undefined;) {
      onGateMessage(next.message);
      next = receiveMessageOnPort(boot.gatePort);
    }
  });
  const serving = new ServingLoop({
    options,
    address: options.address,
    loop,
    desk,
    gate,
    counters: boot.counters,
    logger: options.logger,
    loopCount: options.threads,
  });
  let isDraining = false;
  const onGateMessage = (message: unknown): void => {
    if (!isGateMessage(message)) return;
    gate.seen = message.number;
    obey(serving, message);
    if (message.kind === 'hold') report({ kind: 'held', generation: message.generation });
  };
  boot.gatePort.on('message', onGateMessage);
  port.on('message', (order: unknown) => {
    if (!isLoopOrder(order)) return;
    if (order.kind === 'answer') desk.onAnswer(order.ask, order.bytes);
    else if (order.kind === 'listening') serving.listensAt(order.address);
    else {
      isDraining = true;
      serving.endClients();
    }
  });
  const isReceiving = receiveHandles(boot.connectionsFd, (connection, id) => {
    if (id === TRIAL_ID) echoTrial(loop.transports, connection);
    else if (isDraining) {
      serving.turnAway(connection);
      boot.counters[CLIENTS_CLOSED] = (boot.counters[CLIENTS_CLOSED] ?? 0) + 1;
    } else serving.accept(connection, id);
  });
  if (!isReceiving) {
    report({ kind: 'unfit', reason: 'connections cannot be received' });
    return;
  }
  reportStats(serving, report);
  report({ kind: 'ready' });
}

function obey(serving: ServingLoop, message: GateMessage): void {
  if (message.kind === 'hold') {
    serving.holdSlots(message.slots);
    return;
  }
  serving.useTable(takeTable(message.table));
  serving.release();
}

/** Says now and then how the connections to the Redis servers are, for INFO. */
function reportStats(serving: ServingLoop, report: (message: LoopReport) => void): void {
  let last = '';
  setInterval(() => {
    const stats = { backends: serving.backendStats(), dedicated: serving.dedicatedStats() };
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
