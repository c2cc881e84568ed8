// Preloaded into a proxy. Between two SIGUSR2 it keeps the loop turning and notes the longest turn; at the second it
// prints "turns <JSON>". What a turn contains does not change by that, only that the loop never sleeps.
import { writeSync } from 'node:fs';

let isWatching = false;
let last = 0;
let longestMs = 0;
let turns = 0;

process.on('SIGUSR2', () => {
  if (isWatching) {
    isWatching = false;
    writeSync(2, `turns ${JSON.stringify({ longestMs, turns })}\n`);
    return;
  }
  isWatching = true;
  longestMs = 0;
  turns = 0;
  last = performance.now();
  setImmediate(turn);
});

function turn() {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - last);
  last = now;
  turns += 1;
  if (isWatching) setImmediate(turn);
}
