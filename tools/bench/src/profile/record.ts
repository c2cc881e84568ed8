import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { findInPath } from '../find-program.ts';
import { readPerfScript, SCRIPT_FIELDS, type StackSample } from './perf-script.ts';

const SAMPLES_PER_SECOND = 1999;

/** The program perf. Throws with the way to get it when there is none. */
export function findPerf(): string {
  const perf = findInPath('perf');
  if (perf !== null) return perf;
  throw new Error(
    'perf is not in PATH. Debian: `sudo apt-get install linux-perf`; Ubuntu: `sudo apt-get install linux-tools-generic`',
  );
}

/** What makes perf take a sample: cycles of the CPU, or time where the machine does not count them. */
export function chooseEvent(perf: string): 'cycles' | 'cpu-clock' {
  try {
    execFileSync(perf, ['stat', '-x,', '-e', 'cycles', '--', 'true'], { stdio: 'pipe' });
    const result = execFileSync(perf, ['record', '-q', '-e', 'cycles', '-o', '/dev/null', 'true'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return result.length >= 0 ? 'cycles' : 'cpu-clock';
  } catch {
    return 'cpu-clock';
  }
}

/** Records the stacks of a process while `work` goes on, into a file. */
export async function recordWhile(
  { perf, event, pid, file }: RecordPlan,
  work: () => Promise<void>,
): Promise<void> {
  const args = ['record', '-q', '-g', '-e', event, '-F', `${SAMPLES_PER_SECOND}`, '-p', `${pid}`];
  const recorder = spawn(perf, [...args, '-o', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  recorder.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const ended = once(recorder, 'close');
  try {
    await work();
  } finally {
    recorder.kill('SIGINT');
    await ended;
  }
  // It ends by the signal once the file is written.
  if (recorder.exitCode !== null && recorder.exitCode !== 0) {
    throw new Error(`perf record failed: ${complaints}\n${PERMISSION_HINT}`);
  }
}

export interface RecordPlan {
  readonly perf: string;
  readonly event: string;
  readonly pid: number;
  readonly file: string;
}

const PERMISSION_HINT =
  'It needs root, or `sudo sysctl kernel.perf_event_paranoid=1 kernel.kptr_restrict=0`.';

/** The samples of a file that perf recorded. */
export async function* samplesOf(perf: string, file: string): AsyncGenerator<StackSample> {
  const script = spawn(perf, ['script', '-i', file, '-F', SCRIPT_FIELDS], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  yield* readPerfScript(createInterface({ input: script.stdout }));
}
