import { execFile } from 'node:child_process';

/** What a command line tool printed, and how it ended. */
export interface ToolRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. A code other than 0 is no failure; a program that cannot be started, or that takes too long, is. */
export function runTool(
  file: string,
  argv: readonly string[],
  options: {
    readonly timeoutMs: number;
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
  },
): Promise<ToolRun> {
  const { timeoutMs, cwd, env = process.env } = options;
  const settings = { timeout: timeoutMs, cwd, env, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    const child = execFile(file, argv, settings, (error, stdout, stderr) => {
      const code = child.exitCode;
      if (code === null) {
        const text = `${file} ${argv.join(' ')} did not end in time or at all`;
        reject(new Error(`${text}\n${stdout}\n${stderr}`, { cause: error ?? undefined }));
        return;
      }
      resolve({ code, stdout, stderr });
    });
  });
}
