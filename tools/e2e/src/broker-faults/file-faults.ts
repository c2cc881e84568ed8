import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startProgram, type RunningProgram } from '@undermoon/testkit';
import { programFile } from '../programs.ts';
import { seededRandom, type SeededRandom } from '@undermoon/testkit';
import { Ledger, type LedgerCounts } from './ledger.ts';
import { dumpOf, Load } from './load.ts';

/** How long file faults run. */
export interface FileFaultOptions {
  readonly seed: number;
  readonly kills: number;
  /** Changes made in all, about. */
  readonly mutations: number;
  readonly note: (line: string) => void;
}

/** What file faults went through without a failure. */
export interface FileFaultCounts extends LedgerCounts {
  readonly kills: number;
  readonly tornLogsRecovered: number;
  readonly flippedFilesRefused: number;
  readonly startsWithJumpingClock: number;
}

const WRITERS = 6;
// Small, so that kills meet the change of logs and snapshots too.
const LOG_BYTES = '20000';
const KILL_DELAY_MS_MAX = 12;
const CLOCK_JUMPS = new URL('clock-jumps.mjs', import.meta.url).href;

/**
 * Kills a broker on a file again and again while it is written to, and tears and alters its files in between.
 * Fails at the first change that is lost, made twice or back, and at the first damage that is not noticed.
 */
export async function runFileFaults(options: FileFaultOptions): Promise<FileFaultCounts> {
  const directory = await mkdtemp(path.join(tmpdir(), 'undermoon-faults-'));
  const drill = new FileDrill(path.join(directory, 'metadata'), options);
  try {
    return await drill.run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${options.seed}: ${reason} (files: ${directory})`, { cause: error });
  } finally {
    await drill.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

class FileDrill {
  readonly #file: string;
  readonly #options: FileFaultOptions;
  readonly #random: SeededRandom;
  readonly #ledger = new Ledger();
  #broker: RunningProgram | null = null;
  #torn = 0;
  #flipped = 0;
  #jumping = 0;

  constructor(file: string, options: FileFaultOptions) {
    this.#file = file;
    this.#options = options;
    this.#random = seededRandom(options.seed).fork('file');
  }

  async run(): Promise<FileFaultCounts> {
    const { kills, note } = this.#options;
    for (let kill = 1; kill <= kills; kill++) {
      const url = await this.#start();
      this.#ledger.check(await dumpOf(url));
      await this.#killUnderLoad(url);
      if (kill % 4 === 0) await this.#tear();
      if (kill % 8 === 0) await this.#flip();
      if (kill % 20 === 0) note(`${kill} kills, ${this.#ledger.counts.made} changes made`);
    }
    this.#ledger.check(await dumpOf(await this.#start()));
    return {
      ...this.#ledger.counts,
      kills,
      tornLogsRecovered: this.#torn,
      flippedFilesRefused: this.#flipped,
      startsWithJumpingClock: this.#jumping,
    };
  }

  async stop(): Promise<void> {
    await this.#broker?.[Symbol.asyncDispose]();
    this.#broker = null;
  }

  #spawn(): RunningProgram {
    const isJumping = this.#random.chance(0.5);
    if (isJumping) this.#jumping += 1;
    return startProgram(
      programFile('undermoon-broker'),
      [
        '--address=127.0.0.1:0',
        '--storage-type=file',
        `--meta-filename=${this.#file}`,
        `--meta-log-size=${LOG_BYTES}`,
        '--log-level=error',
      ],
      { env: isJumping ? { NODE_OPTIONS: `--import=${CLOCK_JUMPS}` } : {} },
    );
  }

  async #start(): Promise<string> {
    this.#broker = this.#spawn();
    const line = await this.#broker.firstLine;
    return `http://${line.split(' ').at(-1) ?? ''}`;
  }

  // At a random moment of what six writers do, a little after a random number of changes.
  async #killUnderLoad(url: string): Promise<void> {
    const { mutations, kills } = this.#options;
    const load = new Load({
      ledger: this.#ledger,
      random: this.#random,
      brokers: [url],
      writers: WRITERS,
    });
    await load.made(1 + this.#random.int(Math.ceil((2 * mutations) / kills)));
    await wait(this.#random.int(KILL_DELAY_MS_MAX * 10) / 10);
    const { ended } = this.#broker ?? {};
    this.#broker?.kill('SIGKILL');
    await load.stop();
    await ended;
    this.#broker = null;
  }

  async #logs(): Promise<string[]> {
    const directory = path.dirname(this.#file);
    const names = (await readdir(directory)).filter((name) => name.includes('.log-'));
    return names.toSorted().map((name) => path.join(directory, name));
  }

  // A record that was begun and never answered: the broker cuts it off and goes on.
  async #tear(): Promise<void> {
    const log = (await this.#logs()).at(-1);
    if (log === undefined) return;
    const text = await readFile(log, 'utf8');
    const line = text.split('\n').findLast((each) => /^[0-9a-f]{8} /.test(each));
    // The kill tore it already, or there is no record to copy.
    if (line === undefined || !text.endsWith('\n')) return;
    const [, sequence = ''] = line.split(' ');
    const next = line.replace(` ${sequence} `, ` ${Number(sequence) + 1} `);
    await appendFile(log, next.slice(0, 1 + this.#random.int(next.length - 1)));
    this.#ledger.check(await dumpOf(await this.#start()));
    await this.stop();
    this.#torn += 1;
  }

  // One bit of what was written whole: the broker refuses to start, names the file and changes nothing.
  async #flip(): Promise<void> {
    const file = this.#random.pick([this.#file, ...(await this.#logs())]);
    const whole = await readFile(file);
    const end = file === this.#file ? whole.length : whole.lastIndexOf(10) + 1;
    const at = this.#random.int(end);
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.int(8));
    await writeFile(file, bytes);
    const { code, stderr } = await this.#spawn().ended;
    if (code !== 1 || !stderr.includes(file)) {
      throw new Error(`a flipped bit at ${at} of ${file} went unnoticed (${code}): ${stderr}`);
    }
    if (!(await readFile(file)).equals(bytes)) throw new Error(`${file} was refused and changed`);
    await writeFile(file, whole);
    this.#flipped += 1;
  }
}
