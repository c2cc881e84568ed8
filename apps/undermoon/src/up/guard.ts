import { spawn, type ChildProcess } from 'node:child_process';

// Redis does not notice that its parent is gone. This shell does, because its standard input ends, whatever
// ended the parent; it then kills what is on its list. It runs in a session of its own, which signals from
// the terminal do not reach.
const SCRIPT = `
pids=
while read -r word pid; do
  case $word in
    add) pids="$pids $pid" ;;
    drop)
      kept=
      for other in $pids; do [ "$other" = "$pid" ] || kept="$kept $other"; done
      pids=$kept ;;
    leave) exit 0 ;;
  esac
done
[ -z "$pids" ] || kill -KILL $pids
`;

/** Sees to it that the processes on its list end when this process ends, even by SIGKILL. */
export class Guard {
  readonly pid: number;
  readonly #shell: ChildProcess;

  constructor() {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: {},
    });
    this.pid = this.#shell.pid ?? -1;
    // Without a guard the record of the run is what the next run cleans up by.
    this.#shell.on('error', () => undefined);
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.unref();
  }

  add(pid: number): void {
    this.#shell.stdin?.write(`add ${pid}\n`);
  }

  drop(pid: number): void {
    this.#shell.stdin?.write(`drop ${pid}\n`);
  }

  /** Ends the guard; what is still on its list lives on. */
  async leave(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null || this.pid === -1) return;
    const ended = new Promise<void>((resolve) => {
      this.#shell.once('close', () => resolve());
    });
    // Until here it did not keep this process alive; now its end is what is waited for.
    this.#shell.ref();
    this.#shell.stdin?.end('leave\n');
    await ended;
  }
}
