import { runTool } from './run-tool.ts';

/** One process of this machine. */
export interface ListedProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

/** All processes that run, without those that ended and wait for their parent. */
export async function listProcesses(): Promise<readonly ListedProcess[]> {
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

/** A process and all that it started, directly or not. */
export async function processTree(pid: number): Promise<readonly ListedProcess[]> {
  const all = await listProcesses();
  const tree = all.filter((process_) => process_.pid === pid);
  for (const parent of tree) {
    tree.push(...all.filter(({ parentPid }) => parentPid === parent.pid));
  }
  return tree;
}
