import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { runTool } from './run-tool.ts';

/** One process of this machine. */
export interface ListedProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

/** All processes that run, without those that ended and wait for their parent. */
export async function listProcesses(): Promise<readonly ListedProcess[]> {
  // A small Linux system may have no `ps`.
  return existsSync('/proc/self/stat') ? listFromProc() : await listFromPs();
}

/** A process and all that it started, directly or not. */
export async function processTree(pid: number): Promise<readonly ListedProcess[]> {
  const all = await listProcesses();
  const tree = all.filter((process_) => process_.pid === pid);
  for (const parent of tree) {
    tree.push(...all.filter(({ parentPid }) => parentPid === parent.pid));
  }
  return tree;
}

function listFromProc(): readonly ListedProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProc(Number(name)));
}

/** One process, or none if it ended meanwhile. */
function readProc(pid: number): readonly ListedProcess[] {
  try {
    // The name in parentheses may hold anything; the state and the parent follow the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return [];
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return [{ pid, parentPid: Number(parentPid), command }];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT' || code === 'ESRCH') return [];
    throw error;
  }
}

async function listFromPs(): Promise<readonly ListedProcess[]> {
  const argv = ['-A', '-o', 'pid=,ppid=,stat=,args='];
  const { stdout } = await runTool('ps', argv, { timeoutMs: 10_000 });
  return [...stdout.matchAll(/^ *(\d+) +(\d+) +(\S+) (.*)$/gm)]
    .filter(([, , , state]) => !state?.startsWith('Z'))
    .map(([, pid, parentPid, , command = '']) => ({
      pid: Number(pid),
      parentPid: Number(parentPid),
      command,
    }));
}
