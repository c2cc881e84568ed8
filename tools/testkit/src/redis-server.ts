import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { engineAt, findEngine, type Engine } from './engine.ts';
import { onProcessExit } from './exit-cleanup.ts';
import { freePort } from './free-port.ts';
import { pingRedis } from './ping-redis.ts';

const ATTEMPTS_MAX = 5;
const READY_LINE = 'Ready to accept connections';
const LOG_CHARS_MAX = 64 * 1024;

export interface RedisServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Path of the server program; default: see findEngine. */
  readonly engine?: string;
  /** Listen on a unix socket too. */
  readonly unixSocket?: boolean;
  readonly requirepass?: string;
  /** The master to replicate; its password is `masterauth`. */
  readonly replicaOf?: { readonly host?: string; readonly port: number };
  readonly masterauth?: string;
  /** More configuration, as on redis-server's command line: ['--appendonly', 'yes']. */
  readonly args?: readonly string[];
  readonly readyTimeoutMs?: number;
}

/** A Redis server process of its own, with its data in a temporary folder. */
export interface RedisServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** "127.0.0.1:port". */
  readonly address: string;
  /** Path of the unix socket; null when none was asked for. */
  readonly unixSocketPath: string | null;
  readonly dataDir: string;
  /** Of the process now running, or of the last one. */
  readonly pid: number;
  readonly isRunning: boolean;
  /** What the server wrote last to its log. */
  readonly log: string;
  /** Sends a signal; with SIGKILL, SIGTERM or SIGINT it also waits for the end of the process. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the ended (or kills the running) process again on the same port and folder; awaits readiness. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a real Redis server and waits until it answers PING. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const engine = options.engine === undefined ? findEngine() : engineAt(options.engine);
  for (let attempt = 1; ; attempt += 1) {
    const server = new RedisProcess(engine, options, options.port ?? (await freePort()));
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      const isPortLost =
        options.port === undefined && /Address already in use|bind:/i.test(server.log);
      if (!isPortLost || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

class RedisProcess implements RedisServer {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly address: string;
  readonly unixSocketPath: string | null;
  readonly dataDir: string;
  log = '';
  readonly #engine: Engine;
  readonly #options: RedisServerOptions;
  readonly #forgetCleanup: () => void;
  #child: ChildProcess | null = null;
  #pid = 0;

  constructor(engine: Engine, options: RedisServerOptions, port: number) {
    this.#engine = engine;
    this.#options = options;
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.dataDir = mkdtempSync(path.join(tmpdir(), 'undermoon-redis-'));
    this.unixSocketPath = options.unixSocket ? path.join(this.dataDir, 'redis.sock') : null;
    this.#forgetCleanup = onProcessExit(() => {
      this.#child?.kill('SIGKILL');
      rmSync(this.dataDir, { recursive: true, force: true });
    });
  }

  get pid(): number {
    return this.#pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  async start(): Promise<void> {
    const child = spawn(this.#engine.path, this.#args(), {
      argv0: this.#engine.argv0,
      cwd: this.dataDir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.log = '';
    const keepLog = (text: string): void => {
      this.log = (this.log + text).slice(-LOG_CHARS_MAX);
    };
    child.stdout.setEncoding('utf8').on('data', keepLog);
    child.stderr.setEncoding('utf8').on('data', keepLog);
    const forget = (): void => {
      if (this.#child === child) this.#child = null;
    };
    child.once('exit', forget);
    child.once('error', forget);
    await once(child, 'spawn');
    this.#pid = child.pid ?? 0;
    await this.#ready(child, this.#options.readyTimeoutMs ?? 10_000);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const isEnd = signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT';
    const exited = isEnd ? once(child, 'exit') : null;
    child.kill(signal);
    await exited;
  }

  async restart(): Promise<void> {
    await this.kill('SIGKILL');
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    this.#forgetCleanup();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #args(): string[] {
    const { requirepass, replicaOf, masterauth, args = [] } = this.#options;
    const settings = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.dataDir];
    settings.push('--save', '', '--appendonly', 'no', '--daemonize', 'no', '--loglevel', 'notice');
    settings.push('--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0');
    if (this.unixSocketPath !== null) settings.push('--unixsocket', this.unixSocketPath);
    if (requirepass !== undefined) settings.push('--requirepass', requirepass);
    if (masterauth !== undefined) settings.push('--masterauth', masterauth);
    if (replicaOf)
      settings.push('--replicaof', `${replicaOf.host ?? '127.0.0.1'} ${replicaOf.port}`);
    return [...settings, ...args];
  }

  /** Waits for the line the server logs when it listens, then for its answer to PING. */
  async #ready(child: ChildProcess, timeoutMs: number): Promise<void> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeoutMs);
    try {
      await this.#readyLine(child, stop.signal);
      await pingRedis({
        port: this.port,
        password: this.#options.requirepass,
        signal: stop.signal,
      });
    } catch (cause) {
      const reason = stop.signal.aborted ? `is not ready after ${timeoutMs} ms` : 'did not start';
      throw new Error(`${this.#engine.path} on ${this.address} ${reason}; its log:\n${this.log}`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #readyLine(child: ChildProcess, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!this.log.includes(READY_LINE)) return;
        child.stdout?.off('data', look);
        resolve();
      };
      child.stdout?.on('data', look);
      // 'close' comes after the last of the log, 'exit' may come before it.
      child.once('close', () => reject(new Error('the process ended')));
      signal.addEventListener('abort', () => reject(new Error('timed out')), { once: true });
    });
  }
}
