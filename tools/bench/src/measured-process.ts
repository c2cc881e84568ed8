import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onProcessExit } from '@undermoon/testkit';

const OUTPUT_CHARS_MAX = 16 * 1024;
/** Enough for 10,000 clients and what a server opens besides. */
const OPEN_FILES = 24_000;

/** A program and where it runs. */
export interface ProcessPlan {
  readonly command: string;
  readonly args: readonly string[];
  /** As `taskset -c` takes them. */
  readonly cores: string;
  readonly cwd?: string;
  /** For a Node.js program: `child.send` and its 'message' event work. */
  readonly hasChannel?: boolean;
}

/** A running program whose process id is that of the program itself, not of what started it. */
export interface MeasuredProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it printed last on stdout and stderr. */
  readonly output: string;
  stop(): Promise<void>;
}

/** Starts a program on its cores, with room for many connections. */
export function startProcess(plan: ProcessPlan): MeasuredProcess {
  const { command, args, cores, cwd, hasChannel = false } = plan;
  // Both the shell and taskset replace themselves, so the process id stays.
  const limit = `ulimit -n ${OPEN_FILES} 2>/dev/null || ulimit -n "$(ulimit -Hn)"`;
  const child = spawn(
    'sh',
    ['-c', `${limit}; exec taskset -c "$0" "$@"`, cores, command, ...args],
    {
      stdio: ['pipe', 'pipe', 'pipe', ...(hasChannel ? ['ipc' as const] : [])],
      env: withoutSettings(process.env),
      ...(cwd === undefined ? {} : { cwd }),
    },
  );
  const forget = onProcessExit(() => child.kill('SIGKILL'));
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-OUTPUT_CHARS_MAX);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  child.stdin?.on('error', () => undefined);
  const ended = once(child, 'close').then(forget);
  return {
    pid: child.pid ?? -1,
    child,
    get output() {
      return output;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The programs run with their defaults, whatever is set around the bench. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !name.startsWith('UNDERMOON_') && !name.startsWith('NODE_'),
  );
  return Object.fromEntries(kept);
}
