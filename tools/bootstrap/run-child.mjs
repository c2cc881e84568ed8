import { spawn } from 'node:child_process';

/** @type {NodeJS.Signals[]} */
const PASSED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGWINCH'];
const REPEAT_WINDOW_MS = 300;

/**
 * Runs a program in the place of this one: it has the terminal, gets every signal, and gives its exit code (or
 * the signal that ended it) to this process, which waits for it.
 *
 * The child is in a process group of its own. Ctrl-C reaches npm and this process, often twice over (from the
 * terminal, and from npm, which passes it on too); the child gets it from here, exactly once.
 *
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env
 */
export function runInPlace(command, args, env) {
  const child = spawn(command, args, { env, stdio: 'inherit', detached: true });
  for (const signal of PASSED_SIGNALS) passSignal(signal, child);
  child.once('error', (error) => {
    console.error(`${command} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of PASSED_SIGNALS) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

/** @param {NodeJS.Signals} signal @param {import('node:child_process').ChildProcess} child */
function passSignal(signal, child) {
  const windowMs = signal === 'SIGWINCH' ? 0 : REPEAT_WINDOW_MS;
  let passedAt = -Infinity;
  process.on(signal, () => {
    const now = performance.now();
    if (now - passedAt < windowMs) return;
    passedAt = now;
    child.kill(signal);
  });
}
