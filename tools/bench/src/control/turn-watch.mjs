// Preloaded into a proxy. Between two SIGUSR2 it keeps the loop turning and notes the longest turn; at the second it
// prints "turns <JSON>". What a turn contains does not change by that, only that the loop never sleeps. A loop that
// never sleeps is a thread that others take the core from: `ownMs` is the longest turn without that time.
import { openSync, readSync, writeSync } from 'node:fs';

let isWatching = false;
let last = 0;
let lastWaitedMs = 0;
let longestMs = 0;
let ownMs = 0;
let turns = 0;

// Nanoseconds that the thread ran, and that it waited for a core.
const schedstat = openSync('/proc/thread-self/schedstat', 'r');
const text = Buffer.alloc(128);

process.on('SIGUSR2', () => {
  if (isWatching) {
    isWatching = false;
    writeSync(2, `turns ${JSON.stringify({ longestMs, ownMs, turns })}\n`);
    return;
  }
  isWatching = true;
  longestMs = 0;
  ownMs = 0;
  turns = 0;
  lastWaitedMs = waitedMs();
  last = performance.now();
  setImmediate(turn);
});

function turn() {
  const turnMs = performance.now() - last;
  longestMs = Math.max(longestMs, turnMs);
  const waited = waitedMs();
  ownMs = Math.max(ownMs, turnMs - (waited - lastWaitedMs));
  // Between two turns, looking at the time does not count.
  lastWaitedMs = waited;
  last = performance.now();
  turns += 1;
  if (isWatching) setImmediate(turn);
}

function waitedMs() {
  const length = readSync(schedstat, text, 0, text.length, 0);
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6;
}
