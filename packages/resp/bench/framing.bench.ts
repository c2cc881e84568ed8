/*
 * Nanoseconds per frame of the two scanners, over a chunk of pipelined frames, as built:
 *   pnpm --filter @undermoon/resp build && pnpm exec tsx packages/resp/bench/framing.bench.ts
 */
import { encodeCommand, RequestScanner, scanReply } from '@undermoon/resp';

const FRAMES_PER_CHUNK = 32;
const ROUNDS = 15;
/** The code is not optimised yet in the first ones. */
const WARM_UP_ROUNDS = 3;
const SWEEPS = 5000;

const scanner = new RequestScanner();

// One loop for each scanner, so that neither is called through a variable.
function sweepRequests(chunk: Buffer): number {
  let frames = 0;
  for (let at = 0; at < chunk.length; frames++) at = scanner.scan(chunk, at, chunk.length);
  return frames;
}

function sweepReplies(chunk: Buffer): number {
  let frames = 0;
  for (let at = 0; at < chunk.length; frames++) at = scanReply(chunk, at, chunk.length);
  return frames;
}

const key = (i: number): string => `key:${String(i).padStart(12, '0')}`;
const keys = (i: number): string[] => Array.from({ length: 20 }, (_, j) => key(i * 20 + j));
const requests: Record<string, (i: number) => Buffer> = {
  'GET 16 B key': (i) => encodeCommand(['GET', key(i)]),
  'SET 64 B': (i) => encodeCommand(['SET', key(i), 'x'.repeat(64)]),
  'SET 1 KiB': (i) => encodeCommand(['SET', key(i), 'x'.repeat(1024)]),
  'MSET 10': (i) => encodeCommand(['MSET', ...keys(i)]),
};
const replies: Record<string, string> = {
  'bulk 64 B': `$64\r\n${'x'.repeat(64)}\r\n`,
  '+OK': '+OK\r\n',
  ':12345': ':12345\r\n',
  'array of 10': `*10\r\n${'$5\r\nhello\r\n'.repeat(10)}`,
};

for (const [name, frame] of Object.entries(requests)) {
  const frames = Array.from({ length: FRAMES_PER_CHUNK }, (_, i) => frame(i));
  measure(`request  ${name}`, Buffer.concat(frames), sweepRequests);
}
for (const [name, reply] of Object.entries(replies)) {
  measure(`reply    ${name}`, Buffer.from(reply.repeat(FRAMES_PER_CHUNK)), sweepReplies);
}

function measure(name: string, chunk: Buffer, sweep: (chunk: Buffer) => number): void {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS + WARM_UP_ROUNDS; round++) {
    // Time of this process, not of the clock: other processes may be running.
    const start = process.cpuUsage();
    let frames = 0;
    for (let i = 0; i < SWEEPS; i++) frames += sweep(chunk);
    const { user, system } = process.cpuUsage(start);
    if (round >= WARM_UP_ROUNDS) times.push(((user + system) * 1000) / frames);
  }
  times.sort((a, b) => a - b);
  const median = times[ROUNDS >> 1]?.toFixed(1);
  console.log(`${name.padEnd(24)} ${median} ns per frame (least ${times[0]?.toFixed(1)})`);
}
