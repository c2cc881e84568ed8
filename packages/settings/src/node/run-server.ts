import type { Logger } from '@undermoon/runtime';

import type { RunSwitches } from '../flags.ts';
import { startFailureText } from './listen-failure.ts';

/** A server as the libraries offer it. */
export interface RunnableServer {
  /** Where it really listens, once `listen` is done. */
  readonly address: string;
  listen(): Promise<void>;
  close(options?: { readonly drainTimeoutMs?: number }): Promise<void>;
  destroy(reason?: Error): void;
}

/** How a server is run as the only job of this process. */
export interface RunOptions {
  /** The command's name, for the ready line. */
  readonly name: string;
  /** The address asked for, for the text when it cannot be had. */
  readonly address: string;
  readonly server: RunnableServer;
  readonly logger: Logger;
  readonly shutdownTimeoutMs: number;
  readonly switches: RunSwitches;
  /**
   * Settles when the server is asked to stop by other means than a signal; the value is the reason. Rejects when
   * the server cannot go on.
   */
  readonly stopRequested?: Promise<string>;
}

/** The exit codes of every program. */
export const EXIT_CODES: { readonly ok: 0; readonly failure: 1; readonly usage: 2 } = {
  ok: 0,
  failure: 1,
  usage: 2,
};

// `close` gives up on what still runs at its own deadline; this much later it counts as stuck.
const CLOSE_GRACE_MS = 1000;

/**
 * Listens, prints the ready line on stdout, and runs until SIGTERM, SIGINT, `stopRequested`, or with
 * `exitWithParent` the end of stdin. The first of them closes the server, waiting for running work up
 * to the deadline; a second signal or a close that gets stuck destroys it. Returns the exit code:
 * 0 after a close, 1 when it could not start, could not go on or had to be destroyed. Never throws.
 */
export async function runServer(options: RunOptions): Promise<number> {
  const stops = watchStops(options);
  try {
    const { server, logger } = options;
    const failure = await listen(options, stops.first);
    if (failure !== null) return failure;
    printReady(options);
    logger.info({ address: server.address, pid: process.pid }, 'listening');
    const reason = await stops.first.catch((error: unknown) => {
      logger.error({ err: error }, 'the server failed');
      return null;
    });
    if (reason === null) {
      server.destroy();
      return EXIT_CODES.failure;
    }
    logger.info({ reason }, 'stopping');
    return await stop(options, stops.second);
  } finally {
    stops.unwatch();
  }
}

/** Null when the server listens, otherwise the exit code. Starting may take long: a stop ends it. */
async function listen(options: RunOptions, stopped: Promise<string>): Promise<number | null> {
  const { server, logger } = options;
  const listening = server.listen().then(() => null);
  try {
    const reason = await Promise.race([listening, stopped]);
    if (reason === null) return null;
    logger.info({ reason }, 'stopped before it was ready');
    server.destroy();
    return EXIT_CODES.ok;
  } catch (error) {
    server.destroy();
    process.stderr.write(`${options.name}: ${startFailureText(options.address, error)}\n`);
    return EXIT_CODES.failure;
  } finally {
    // After a stop its outcome no longer matters, but it must not be an unhandled rejection.
    listening.catch(() => undefined);
  }
}

interface Stops {
  /** The reason of the first request to stop. */
  readonly first: Promise<string>;
  /** The name of a signal that came after the first request. */
  readonly second: Promise<string>;
  unwatch(): void;
}

function watchStops({ switches, stopRequested }: RunOptions): Stops {
  const first = deferred();
  const second = deferred();
  let isStopping = false;
  const request = (reason: string): void => {
    isStopping = true;
    first.resolve(reason);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) second.resolve(signal);
    else request(signal);
  };
  const onParentGone = (): void => request('the parent process is gone');
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Whoever started this process may have closed the reading end.
  process.stdout.on('error', ignoreBrokenPipe);
  stopRequested?.then(request, first.reject);
  if (switches.exitWithParent) {
    for (const event of ['end', 'close', 'error']) process.stdin.on(event, onParentGone);
    process.stdin.resume();
  }
  const unwatch = (): void => {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    process.stdout.off('error', ignoreBrokenPipe);
    if (!switches.exitWithParent) return;
    for (const event of ['end', 'close', 'error']) process.stdin.off(event, onParentGone);
    process.stdin.pause();
  };
  return { first: first.promise, second: second.promise, unwatch };
}

interface Deferred {
  readonly promise: Promise<string>;
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

function deferred(): Deferred {
  let resolve: ((value: string) => void) | undefined;
  let reject: ((error: Error) => void) | undefined;
  const promise = new Promise<string>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return {
    promise,
    resolve: (value) => resolve?.(value),
    reject: (error) => reject?.(error),
  };
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function printReady({ name, server, switches }: RunOptions): void {
  const event = { event: 'ready', address: server.address, pid: process.pid };
  const text = `${name} listening on ${server.address}`;
  process.stdout.write(`${switches.json ? JSON.stringify(event) : text}\n`);
}

async function stop(options: RunOptions, second: Promise<string>): Promise<number> {
  const { server, logger, shutdownTimeoutMs } = options;
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, shutdownTimeoutMs + CLOSE_GRACE_MS, 'the shutdown deadline passed');
  });
  const closed = server.close({ drainTimeoutMs: shutdownTimeoutMs }).then(() => null);
  try {
    const cut = await Promise.race([closed, second, stuck]);
    if (cut === null) {
      logger.info({}, 'stopped');
      return EXIT_CODES.ok;
    }
    logger.warn({ reason: cut }, 'stopped without waiting for running work');
    server.destroy(new Error(cut));
    return EXIT_CODES.failure;
  } catch (error) {
    logger.error({ err: error }, 'failed while stopping');
    server.destroy();
    return EXIT_CODES.failure;
  } finally {
    clearTimeout(timer);
    // After a cut its outcome no longer matters, but it must not be an unhandled rejection.
    closed.catch(() => undefined);
  }
}
