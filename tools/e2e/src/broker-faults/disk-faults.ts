import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startProgram } from '@undermoon/testkit';
import { programFile } from '../programs.ts';
import { runTool } from '../run-tool.ts';
import { seededRandom } from '@undermoon/testkit';
import { Ledger } from './ledger.ts';
import { dumpOf, send } from './load.ts';

/** What a full and a read-only disk did. */
export interface DiskFaultCounts {
  readonly made: number;
  readonly refusedOnFullDisk: number;
  readonly readOnlyStartsRefused: number;
}

const CHANGES = 40;
const REFUSALS = 20;
const ATTEMPTS_MAX = 500;

/** Whether a file system of a given size can be mounted here: only root can. */
export function canMount(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

/** Runs a broker on a small file system that is full for a while, and then read-only at a start. */
export async function runDiskFaults(seed: number): Promise<DiskFaultCounts> {
  const directory = await mkdtemp(path.join(tmpdir(), 'undermoon-disk-'));
  await tool('mount', '-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', directory);
  const argv = [
    '--address=127.0.0.1:0',
    '--storage-type=file',
    `--meta-filename=${path.join(directory, 'metadata')}`,
    '--meta-log-size=8000',
    '--log-level=error',
  ];
  const start = (): ReturnType<typeof startProgram> =>
    startProgram(programFile('undermoon-broker'), argv);
  const broker = start();
  try {
    const url = `http://${(await broker.firstLine).split(' ').at(-1) ?? ''}`;
    const ledger = new Ledger();
    const random = seededRandom(seed).fork('disk');
    const change = async (): Promise<boolean> => {
      const mutation = ledger.next(random);
      const outcome = await send(url, mutation);
      ledger.settle(mutation, outcome);
      return outcome === 'made';
    };
    for (let n = 0; n < CHANGES; n++) if (!(await change())) throw new Error('refused with room');
    const filler = path.join(directory, 'filler');
    // The write ends with an error where the room does.
    await writeFile(filler, Buffer.alloc(1 << 20)).catch(() => undefined);
    for (let n = 0; ledger.counts.refused < REFUSALS; n++) {
      if (n > ATTEMPTS_MAX) throw new Error('a full disk refuses nothing');
      await change();
    }
    ledger.check(await dumpOf(url));
    const ready = async (): Promise<number> => (await fetch(`${url}/readyz`)).status;
    const full = await ready();
    if (full !== 503) throw new Error(`ready with a full disk: ${full}`);
    await rm(filler);
    const roomy = await ready();
    if (roomy !== 200) throw new Error(`ready with room again: ${roomy}`);
    for (let n = 0; n < CHANGES; n++) if (!(await change())) throw new Error('refused with room');
    broker.kill('SIGKILL');
    await broker.ended;
    await tool('mount', '-o', 'remount,ro', directory);
    const { code, stderr } = await start().ended;
    if (code !== 1 || !stderr.includes('EROFS')) throw new Error(`read-only: ${code} ${stderr}`);
    await tool('mount', '-o', 'remount,rw', directory);
    const again = start();
    try {
      ledger.check(await dumpOf(`http://${(await again.firstLine).split(' ').at(-1) ?? ''}`));
    } finally {
      await again[Symbol.asyncDispose]();
    }
    const { made, refused } = ledger.counts;
    return { made, refusedOnFullDisk: refused, readOnlyStartsRefused: 1 };
  } finally {
    await broker[Symbol.asyncDispose]();
    await tool('umount', directory);
    await rm(directory, { recursive: true, force: true });
  }
}

async function tool(file: string, ...argv: readonly string[]): Promise<void> {
  const { code, stderr } = await runTool(file, argv, { timeoutMs: 10_000 });
  if (code !== 0) throw new Error(`${file} ${argv.join(' ')}: ${stderr}`);
}
