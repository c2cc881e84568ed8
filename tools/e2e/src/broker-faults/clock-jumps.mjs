// Loaded into a broker before anything else: its wall clock jumps by up to a day, back and forth. Timers go on as
// they should, as they do when a machine's clock is set.
const DAY_MS = 86_400_000;
const JUMP_EVERY = 50;

const realNow = Date.now;
let calls = 0;
let offsetMs = 0;
Date.now = () => {
  calls += 1;
  if (calls % JUMP_EVERY === 0) offsetMs = Math.round((Math.random() * 2 - 1) * DAY_MS);
  return realNow() + offsetMs;
};
