import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Cores } from '../machine.ts';
import { startProcess, type MeasuredProcess } from '../measured-process.ts';
import { takePort } from '../ports.ts';
import { untilAnswered } from '../redis-command.ts';

const TURN_WATCH = fileURLToPath(new URL('./turn-watch.mjs', import.meta.url));
const PING_WORKER = fileURLToPath(new URL('./ping-worker.ts', import.meta.url));

/** How long a proxy did nothing else while something was done. */
export interface Stops {
  /** The longest turn of its loop, as the process sees it. */
  readonly turnMs: number;
  /** The same without the time in which others had its core. */
  readonly ownMs: number;
  /** The longest time in which a client that pings without a pause got no answer. */
  readonly pingMs: number;
  /** How long the thing itself took. */
  readonly tookMs: number;
}

/** A proxy whose loop is watched, from within and by a client that pings. */
export class WatchedProxy {
  readonly port: number;
  readonly #folder: string;
  readonly #proxy: MeasuredProcess;
  readonly #pinger: MeasuredProcess;
  readonly #turns: Interface;
  readonly #pings: Interface;

  private constructor(port: number, folder: string, proxy: MeasuredProcess, cores: Cores) {
    this.port = port;
    this.#folder = folder;
    this.#proxy = proxy;
    this.#turns = linesOf(proxy.child.stderr);
    const args = ['--conditions=@undermoon/source', '--import', 'tsx', PING_WORKER, `${port}`];
    this.#pinger = startProcess({ command: process.execPath, args, cores: cores.rest });
    this.#pings = linesOf(this.#pinger.child.stdout);
  }

  /** Starts the built file of undermoon-proxy. */
  static async start(program: string, cores: Cores): Promise<WatchedProxy> {
    const port = await takePort();
    const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-control-'));
    const address = `127.0.0.1:${port}`;
    const options = ['--address', address, '--clients-max', '20000'];
    const args = ['--import', TURN_WATCH, program, ...options];
    const command = process.execPath;
    const proxy = startProcess({ command, args, cores: cores.proxy, cwd: folder });
    await untilAnswered(port, proxy, ['PING']);
    const watched = new WatchedProxy(port, folder, proxy, cores);
    // The first report comes when the pinger runs.
    await watched.#report('report');
    return watched;
  }

  /** Does something and watches. */
  async during(work: () => Promise<unknown>): Promise<Stops> {
    this.#pinger.child.stdin?.write('begin\n');
    this.#proxy.child.kill('SIGUSR2');
    const startedAt = performance.now();
    await work();
    const tookMs = performance.now() - startedAt;
    const turns = this.#turnsReport();
    this.#proxy.child.kill('SIGUSR2');
    const pingMs = await this.#report('report');
    return { ...(await turns), pingMs, tookMs };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pinger.stop(), this.#proxy.stop()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #report(line: string): Promise<number> {
    const answered = once(this.#pings, 'line');
    this.#pinger.child.stdin?.write(`${line}\n`);
    return numberOf(String((await answered)[0]), 'longestMs');
  }

  async #turnsReport(): Promise<Pick<Stops, 'turnMs' | 'ownMs'>> {
    for (;;) {
      const line = String((await once(this.#turns, 'line'))[0]);
      if (!line.startsWith('turns ')) continue;
      const json = line.slice('turns '.length);
      return { turnMs: numberOf(json, 'longestMs'), ownMs: numberOf(json, 'ownMs') };
    }
  }
}

function linesOf(stream: NodeJS.ReadableStream | null): Interface {
  if (stream === null) throw new Error('a process of the bench has no output');
  return createInterface({ input: stream });
}

function numberOf(json: string, key: string): number {
  const value: unknown = JSON.parse(json);
  if (typeof value === 'object' && value !== null && key in value) {
    return Number(Reflect.get(value, key));
  }
  throw new Error(`a report of the bench makes no sense: ${json}`);
}
